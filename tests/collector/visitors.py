"""A collection that is served within a test, and people who visit it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np

from tests.corpora import miniatures
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.voices import Voice, speak
from wordbrush.collector import pictures, speakers
from wordbrush.collector.consent import read_consent
from wordbrush.collector.rooms import Room
from wordbrush.collector.server import application
from wordbrush.collector.store import Store, opened
from wordbrush.collector.tasks import Quotas
from wordbrush.serving import sites
from wordbrush.serving.guards import LOOPBACK, Access

VOICE = Voice("en-us", 170, 50)
SENTENCES = (
    "a big red cube stands to the left of a small ball",
    "there are two green cylinders behind a yellow cube",
    "I see a small blue ball in front of everything else",
    "nothing but a large purple cylinder, far away",
)
PATIENCE = 60
QUOTAS = Quotas(5, 40)


def spoken(text: str, level: float = 1.0, around: float = 0.4) -> np.ndarray:
    """A sentence in a quiet room, int16 [S]."""
    silence = np.zeros(round(around * SAMPLE_RATE))
    sound = np.concatenate([silence, speak(text, VOICE).sound, silence]) * level
    room = np.random.default_rng(len(text)).normal(size=len(sound)) * 1e-4
    return ((sound + room).clip(-1, 1) * 32767).astype("<i2")


def album(folder: Path, count: int = 6) -> Path:
    """A folder with so many pictures."""
    for number in range(count):
        miniatures.picture(folder / f"p{number}.png", number, (64, 48))
    return folder


@contextmanager
def store_of(tmp_path: Path, links: int = 1, count: int = 6) -> Iterator[Store]:
    with opened(tmp_path / "store") as store:
        pictures.take_in(store, album(tmp_path / "album", count))
        speakers.keep_consent(store, read_consent(None))
        speakers.invite(store, links)
        yield store


def tokens(store: Store) -> list[str]:
    return [one for (one,) in store.database.execute("SELECT token FROM speaker ORDER BY number")]


@asynccontextmanager
async def served(
    store: Store, port: int = 0, quotas: Quotas = QUOTAS, secure: bool = False
) -> AsyncIterator[str]:
    app = application(Room(store, read_consent(None), quotas, secure), Access(LOOPBACK, None))
    async with sites.served(app, "127.0.0.1", port, 0) as address:
        yield address


class Visitor:
    """A browser, as far as the server can tell."""

    def __init__(self, session: aiohttp.ClientSession, address: str):
        self.session, self.origin = session, {"Origin": address.rstrip("/")}

    async def ask(self, path: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        how = {"data": body} if isinstance(body, bytes) else {"json": body}
        if body is None:
            async with self.session.get(path) as response:
                return response.status, await response.json()
        async with self.session.post(path, headers=self.origin, **how) as response:
            return response.status, await response.json()

    async def agree(self, token: str) -> list[str]:
        """The pictures to be described."""
        assert (await self.ask("/api/enter", {"token": token}))[0] == 200
        version = read_consent(None).version
        _, state = await self.ask("/api/consent", {"version": version, "language": "en"})
        return [one["picture"] for one in state["task"]]

    def socket(self) -> Any:
        return self.session.ws_connect("/api/record", headers=self.origin)

    async def record(self, picture: str, samples: np.ndarray) -> dict[str, Any]:
        """What the server finds of a recording."""
        async with self.socket() as socket:
            attempt = await begin(socket, picture)
            assert (await told(socket))["bytes"] == 0
            return await finish(socket, samples.tobytes(), attempt)

    async def describe(self, shown: list[str], said: list[np.ndarray]) -> str:
        """Record every picture and submit: a receipt."""
        for picture, samples in zip(shown, said, strict=True):
            assert (await self.record(picture, samples))["accepted"]
        return (await self.ask("/api/submit", {}))[1]["receipt"]


async def begin(socket: Any, picture: str, attempt: str | None = None) -> str:
    attempt = attempt or secrets.token_hex(16)
    await socket.send_json({"begin": {"picture": picture, "attempt": attempt}})
    return attempt


async def finish(socket: Any, data: bytes, attempt: str) -> dict[str, Any]:
    for start in range(0, len(data), 8192):
        await socket.send_bytes(data[start : start + 8192])
    await socket.send_json({"finish": len(data)})
    return await told(socket)


async def told(socket: Any) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        return await socket.receive_json()


async def ended(socket: Any) -> tuple[int, str]:
    """The code and the reason with which the server ends a connection."""
    async with asyncio.timeout(PATIENCE):
        while (message := await socket.receive()).type != aiohttp.WSMsgType.CLOSE:
            pass
    return message.data, message.extra


@asynccontextmanager
async def visitor(address: str) -> AsyncIterator[Visitor]:
    jar = aiohttp.CookieJar(unsafe=True)  # which also keeps cookies of addresses
    async with aiohttp.ClientSession(address, cookie_jar=jar) as session:
        yield Visitor(session, address)
