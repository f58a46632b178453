"""Ten speakers at once, for five minutes: everybody is heard, and memory stays flat.

How long answers took is printed, and not asserted: it depends on the machine.
"""

import asyncio
import itertools
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import psutil
import pytest

from tests.collector import visitors
from tests.collector.visitors import SENTENCES, Visitor, begin, told, visitor
from tests.explorer.servers import ROOT, WORDBRUSH, explorer, pcm, spoken
from tests.workspace import environment
from wordbrush.audio.sound import SAMPLE_RATE

pytestmark = pytest.mark.faults
SPEAKERS, SECONDS = 10, 300
CHUNK = 1280  # bytes: 40 ms, as the page sends them
SAMPLING_SECONDS = 5
WARM_SECONDS = 60  # in which memory may still grow
GROWTH = 1.1
RATE = 2 * SAMPLE_RATE  # bytes a second
THINGS = [
    f"{size} {color} {shape}"
    for size, color, shape in itertools.product(
        ("small", "huge"), ("red", "green", "yellow", "purple"), ("cube", "ball", "cylinder")
    )
]
SCENES = (
    "I see a {} and behind it a {}",
    "there is one {}, next to a {}",
    "on the left stands a {}, on the right some {}",
    "a {} hides the {}",
    "nothing but a {} with its {}",
)
# No two of them have a stretch in common: a synthesiser says it alike each time, as nobody does.
DESCRIPTIONS = [
    SCENES[number % 5].format(THINGS[number % 24], THINGS[(7 * number + 5) % 24])
    for number in range(60)
]
PAUSE_SECONDS = 2.0  # in which a person looks at the next picture


async def crowd(
    process: psutil.Process, speak: Callable[[int, float], Awaitable[list[float]]]
) -> None:
    """All speak until the time is over. Prints delays and memory; asserts that it is flat.

    speak: of the number of a speaker and the moment at which to stop: the delays that it met.
    """
    started = time.monotonic()
    people = [speak(number, started + SECONDS) for number in range(SPEAKERS)]
    memory: list[tuple[float, int]] = []

    async def watch() -> None:
        while True:
            memory.append((time.monotonic() - started, resident(process)))
            await asyncio.sleep(SAMPLING_SECONDS)

    watching = asyncio.create_task(watch())
    delays = np.concatenate(await asyncio.gather(*people))
    watching.cancel()
    middle, late = np.percentile(delays, [50, 95])
    warm = max(size for when, size in memory if when < WARM_SECONDS)
    most = max(size for _, size in memory)
    print(
        f"\n{len(delays)} answers: median {1000 * middle:.0f} ms, 95th percentile "
        f"{1000 * late:.0f} ms; memory {warm / 1e6:.0f} MB after a minute, {most / 1e6:.0f} MB at "
        f"most"
    )
    assert most < GROWTH * warm


def resident(process: psutil.Process) -> int:
    """Bytes of a process and of those that it started."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:  # a decoder that is done
            continue
    return total


async def sent(socket: aiohttp.ClientWebSocketResponse, data: bytes, begun: float) -> None:
    """Send sound as fast as it is spoken. begun: when its first sample was."""
    for start in range(0, len(data), CHUNK):
        await asyncio.sleep(begun + (start + CHUNK) / RATE - time.monotonic())
        await socket.send_bytes(data[start : start + CHUNK])


def test_ten_people_are_listened_to_at_once():
    said = [pcm(spoken(text, 0.4, 1.6)) for text in SENTENCES]

    async def speak(address: str, number: int, end: float) -> list[float]:
        delays: list[float] = []
        utterances = ends = 0
        async with (
            aiohttp.ClientSession(address) as session,
            session.ws_connect(
                "/api/listen", headers={"Origin": address.rstrip("/")}, heartbeat=30
            ) as socket,
        ):
            await socket.send_json({"view": list(range(12)), "finding": number % 2 == 1})
            begun = time.monotonic()

            async def hear() -> None:
                nonlocal ends
                async for message in socket:
                    answer = message.json()
                    assert "error" not in answer, answer
                    if answer["type"] == "light":
                        delays.append(time.monotonic() - begun - answer["samples"] / SAMPLE_RATE)
                    ends += answer["type"] == "end"

            hearing = asyncio.create_task(hear())
            spent = 0.0
            for data in itertools.islice(itertools.cycle(said), number, None):
                if time.monotonic() > end:
                    break
                await sent(socket, data, begun + spent)
                spent += len(data) / RATE
                utterances += 1
            await asyncio.sleep(5)
            hearing.cancel()
        assert ends == utterances > 0
        return delays

    with explorer() as (process, address):
        asyncio.run(crowd(psutil.Process(process.pid), lambda *who: speak(address, *who)))


@contextmanager
def collection(folder: Path) -> Iterator[tuple[subprocess.Popen, str, str]]:
    """The process, its address and the owner's token."""
    album = visitors.album(folder / "album", len(DESCRIPTIONS))
    command = [WORDBRUSH, "collect", str(album), str(folder / "store"), "--port", "0"]
    with subprocess.Popen(
        [*command, "--a-picture", "1000", "--a-speaker", "1000"],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        address, _, token = process.stdout.readline().split(" at ")[1].strip().partition("owner#")
        try:
            yield process, address, token
        finally:
            process.terminate()


def test_ten_people_describe_at_once(tmp_path):
    said = [visitors.spoken(text) for text in DESCRIPTIONS]  # nobody may say the same twice

    async def describe(one: Visitor, picture: str, number: int) -> float:
        """Seconds from the last sample to the verdict."""
        words = said[number % len(said)]
        room = np.random.default_rng(number).integers(-3, 4, len(words))  # files differ by it
        samples = (words + room).astype("<i2")
        async with one.socket() as socket:
            await begin(socket, picture)
            await told(socket)
            await sent(socket, samples.tobytes(), time.monotonic())
            ended = time.monotonic()
            await socket.send_json({"finish": samples.nbytes})
            verdict = await told(socket)
            assert verdict["accepted"], verdict["reasons"]
            return time.monotonic() - ended

    async def visit(address: str, token: str, who: int, end: float) -> list[float]:
        delays: list[float] = []
        async with visitor(address) as one:
            shown: list[str] = await one.agree(token)
            while time.monotonic() < end:
                for picture in shown:
                    await asyncio.sleep(PAUSE_SECONDS)
                    delays.append(await describe(one, picture, len(said) * who + len(delays)))
                status, answer = await one.ask("/api/submit", {})
                assert status == 200, answer
                _, state = await one.ask("/api/task", {})
                shown = [each["picture"] for each in state["task"]]
        return delays

    async def all_of(process: subprocess.Popen, address: str, owner: str) -> None:
        async with visitor(address) as page:
            await page.ask("/api/enter", {"token": owner})
            _, seen = await page.ask("/api/owner/links", {"count": SPEAKERS})
        tokens: list[Any] = [link["token"] for link in seen["links"]]
        await crowd(
            psutil.Process(process.pid), lambda who, end: visit(address, tokens[who], who, end)
        )

    with collection(tmp_path) as served:
        asyncio.run(all_of(*served))
