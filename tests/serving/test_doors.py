"""What a server does to connections that only take places, and to bodies that never end."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from wordbrush.serving import sites
from wordbrush.serving.doors import Door
from wordbrush.serving.guards import LOOPBACK, Access

PATIENCE = 60
PLACES = 20
BUSY = b"GET /wait HTTP/1.1\r\nHost: localhost\r\n\r\n"
OVER = web.AppKey("over", asyncio.Event)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def wait(request: web.Request) -> web.Response:
    await request.app[OVER].wait()
    return web.Response(text="at last")


async def taken(request: web.Request) -> web.Response:
    return web.Response(text=str(len(await sites.body(request, 1 << 20))))


def served(use: Callable[[str, int, web.Application], Awaitable[None]]) -> None:
    """A server with so many places, whose /wait answers when `over` is set."""

    async def run() -> None:
        app = sites.guarded(Access(LOOPBACK, None), "wordbrush.collector", 1 << 20)
        app[sites.DOOR].most = PLACES
        app[OVER] = asyncio.Event()
        app.add_routes([web.get("/wait", wait), web.post("/taken", taken)])
        async with sites.served(app, "127.0.0.1", 0, 0) as address:
            port = int(address.rstrip("/").rpartition(":")[2])
            await use(address, port, app)

    asyncio.run(run())


async def connect(port: int, said: bytes = b"") -> Connection:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    return reader, writer


async def busy(door: Door, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(door.busy) < count:
            await asyncio.sleep(0.01)


def test_idle_sockets_give_way_to_who_asks_and_none_who_is_answered_is_disturbed():
    async def use(address: str, port: int, app: web.Application) -> None:
        asking = await connect(port, BUSY)
        await busy(app[sites.DOOR], 1)
        idle = [await connect(port, b"GET / HTTP/1.1\r\nHo") for _ in range(10 * PLACES)]
        async with aiohttp.ClientSession(address) as session, session.get("/") as response:
            assert response.status == 200
        async with asyncio.timeout(PATIENCE):
            for reader, _ in idle[: 8 * PLACES]:
                assert await reader.read() == b""  # closed, without an answer
        app[OVER].set()
        async with asyncio.timeout(PATIENCE):
            assert b"200 OK" in await asking[0].readline()
        for _, writer in (asking, *idle):
            writer.close()

    served(use)


def test_when_all_are_answered_nobody_else_gets_in():
    async def use(address: str, port: int, app: web.Application) -> None:
        asking = [await connect(port, BUSY) for _ in range(PLACES)]
        await busy(app[sites.DOOR], PLACES)
        late, _ = await connect(port)
        async with asyncio.timeout(PATIENCE):
            assert await late.read() == b""
        app[OVER].set()
        async with asyncio.timeout(PATIENCE):
            for reader, _ in asking:
                assert b"200 OK" in await reader.readline()

    served(use)


def test_a_client_that_sends_its_body_drop_by_drop_is_told_to_go(monkeypatch):
    monkeypatch.setattr(sites, "BODY_SECONDS", 0.05)

    async def use(address: str, port: int, app: web.Application) -> None:
        head = f"POST /taken HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}"
        reader, writer = await connect(port, f"{head}\r\nContent-Length: 9\r\n\r\nx".encode())
        async with asyncio.timeout(PATIENCE):
            assert b" 408 " in await reader.readline()
        writer.close()

    served(use)


def test_so_many_large_bodies_come_at_once(monkeypatch):
    monkeypatch.setattr(sites, "MOST_LARGE", 2)

    async def use(address: str, port: int, app: web.Application) -> None:
        large = sites.LARGE + 1
        head = f"POST /taken HTTP/1.1\r\nHost: localhost:{port}\r\nOrigin: http://localhost:{port}"
        slow = f"{head}\r\nContent-Length: {large}\r\n\r\n".encode()
        waiting = [await connect(port, slow) for _ in range(2)]
        await busy(app[sites.DOOR], 2)
        async with aiohttp.ClientSession(address) as session:
            origin = {"Origin": address.rstrip("/")}
            async with session.post("/taken", data=bytes(large), headers=origin) as response:
                assert response.status == 503
            async with session.post("/taken", data=bytes(10), headers=origin) as response:
                assert await response.text() == "10"
        for reader, writer in waiting:
            writer.write(bytes(large))
            async with asyncio.timeout(PATIENCE):
                assert b" 200 " in await reader.readline()

    served(use)


@pytest.mark.parametrize("count", [2, sites.MOST_LARGE])
def test_a_body_of_unknown_length_is_refused(count):
    async def use(address: str, port: int, app: web.Application) -> None:
        async def chunks():
            for _ in range(count):
                yield b"x"

        async with aiohttp.ClientSession(address) as session:
            origin = {"Origin": address.rstrip("/")}
            async with session.post("/taken", data=chunks(), headers=origin) as response:
                assert response.status == 413

    served(use)
