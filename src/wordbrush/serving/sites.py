"""A web server of one process: the page's files, how it begins, and how it ends."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

from wordbrush.errors import WordbrushError, optional_packages, refusal
from wordbrush.serving.doors import IDLE_SECONDS, Door
from wordbrush.serving.guards import LOOPBACK, Access, guard
from wordbrush.serving.metrics import measured
from wordbrush.telemetry import metrics

with optional_packages():
    from aiohttp import web
    from aiohttp.http_exceptions import HttpProcessingError

SHUTDOWN_SECONDS = 3.0
BODY_SECONDS = 60.0  # that a request may take to arrive: 8 MB at 1 Mbit/s
LARGE = 64 << 10  # bytes of a request, of which only so many come at once: they fill the memory
MOST_LARGE = 16
LINGER_SECONDS = 2.0  # in which the rest of a refused body may come, so that its sender reads why
LEAST_TOKEN = 8  # letters and digits
TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
STATIC = web.AppKey("static", dict[str, bytes])
COMING = web.AppKey("coming", set[asyncio.BaseProtocol])  # of large requests, while they come
DOOR = web.AppKey("door", Door)


@dataclass(frozen=True)
class Place:
    """Where a page listens. token: what visitors must know. address: where people reach it, through
    a proxy."""

    host: str
    port: int
    token: str | None = None
    address: str | None = None


def guarded(access: Access, package: str, most_bytes: int) -> web.Application:
    """An application whose requests are guarded and which serves a page's files.

    package: its folder `static` has them, beside what all pages share. most_bytes: of a request.
    """
    door = Door()
    counted = measured(package.rpartition(".")[2])
    app = web.Application(
        middlewares=[door.middleware, counted, guard(access)], client_max_size=most_bytes
    )
    app[DOOR], app[COMING] = door, set()
    app[STATIC] = static_files("wordbrush.serving") | static_files(package)
    app.add_routes([web.get("/", page), web.get("/static/{name}", page)])
    return app


def static_files(package: str) -> dict[str, bytes]:
    """A page's files by name. They are read once: no request's path ever reaches the disk."""
    folder = files(package) / "static"
    return {
        one.name: one.read_bytes() for one in folder.iterdir() if Path(one.name).suffix in TYPES
    }


async def page(request: web.Request) -> web.Response:
    return static_file(request, request.match_info.get("name", "index.html"))


def static_file(request: web.Request, name: str) -> web.Response:
    content = request.app[STATIC].get(name)
    if content is None:
        raise web.HTTPNotFound(reason="there is no such file")
    return web.Response(
        body=content,
        content_type=TYPES[Path(name).suffix],
        charset="utf-8",
        headers={"Cache-Control": "no-cache"},
    )


async def body(request: web.Request, most: int) -> bytes:
    """What a request brings: at most so many bytes, said before, and not too slowly."""
    if request.content_length is None or request.content_length > most:
        size = f"{most >> 20} MB" if most >> 20 else f"{most >> 10} kB"
        raise web.HTTPRequestEntityTooLarge(
            most, request.content_length or 0, reason=f"send at most {size}, and say how much"
        )
    coming = request.app[COMING]
    if request.content_length > LARGE:
        if len(coming) >= MOST_LARGE:
            raise web.HTTPServiceUnavailable(reason="too many files come at once: wait a minute")
        coming.add(request.protocol)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise web.HTTPRequestTimeout(reason="what was sent came too slowly") from None
    finally:
        coming.discard(request.protocol)


def require_guarded(host: str, address: str | None, token: str | None) -> None:
    """Raises WordbrushError for a page that others reach, by its host or by the address of a proxy,
    without a token; and for a weak token."""
    if address and not token and urlsplit(address).hostname not in LOOPBACK:
        raise WordbrushError(
            f"--address {address} can be reached from other machines: give a --token, which "
            "visitors must know."
        )
    if host not in LOOPBACK and not token:
        raise WordbrushError(
            f"--host {host} can be reached from other machines: give a --token, which visitors "
            "must know."
        )
    if token is not None and (
        len(token) < LEAST_TOKEN or not token.isascii() or not token.isalnum()
    ):
        raise WordbrushError(f"--token needs {LEAST_TOKEN} letters and digits or more.")


async def serve(app: web.Application, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Serve until a signal comes, and metrics at the same host.

    tell: what to print of the address, once it is reachable.
    """
    metrics.listen(host)
    async with served(app, host, port, SHUTDOWN_SECONDS) as address:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        tell(address)
        await stop.wait()


@asynccontextmanager
async def served(
    app: web.Application, host: str, port: int, shutdown_seconds: float
) -> AsyncIterator[str]:
    """Serve within, at the address that is yielded; port 0: any that is free.

    Raises WordbrushError for a port that is taken.
    """
    runner = web.AppRunner(
        app,
        access_log=None,  # addresses of visitors are kept nowhere
        shutdown_timeout=shutdown_seconds,
        keepalive_timeout=IDLE_SECONDS,
        lingering_time=LINGER_SECONDS,
        logger=_logger(),
    )
    await runner.setup()
    assert runner.server is not None
    try:
        listening = await _listening(app[DOOR].admits(runner.server), host, port)
        try:
            name = f"[{host}]" if ":" in host else host
            yield f"http://{name}:{listening.sockets[0].getsockname()[1]}/"
        finally:
            listening.close()
    finally:
        await runner.cleanup()


async def _listening(
    protocol: Callable[[], asyncio.Protocol], host: str, port: int
) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(protocol, host, port)
    except OSError as error:
        raise WordbrushError(
            f"{host}:{port} cannot be listened at ({refusal(error)}): choose another --port, or 0 "
            "for any that is free."
        ) from None


def _logger() -> logging.Logger:
    """aiohttp's, without visitors' addresses, and without tracebacks for what is no HTTP.

    Such a request, for instance one without Host, is answered with 400. Anybody may send them, so
    they must not fill a log.
    """
    logger = logging.getLogger("wordbrush.serving.http")
    logger.addFilter(_kept)
    return logger


def _kept(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
        return False
    record.msg, record.args = "a request failed", ()
    return True
