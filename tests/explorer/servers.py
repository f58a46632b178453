"""The explorer as people start it, the same server within a test, and speech to say to it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import numpy as np

from tests.browser import Tab
from tests.speech import spoken_alone
from tests.workspace import environment
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.voices import Voice
from wordbrush.explorer.listening import Studio
from wordbrush.explorer.server import application
from wordbrush.serving import sites
from wordbrush.serving.guards import LOOPBACK, Access

ROOT = Path(__file__).resolve().parents[2]
WORDBRUSH = str(Path(sys.executable).parent / "wordbrush")
VOICE = Voice("en-us+m2", 170, 50)
READY = "document.querySelector('#status')?.textContent.startsWith('Ready')"


@contextmanager
def explorer(*options: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The process, and the address that it prints. It is stopped as Ctrl-C does it."""
    command = [WORDBRUSH, "explore", "--pictures", "48", "--port", "0", *options]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"http://\S+", line)
            assert found, line
            yield process, found[0]
        finally:
            if process.poll() is None:
                os.kill(process.pid, signal.SIGINT)


@asynccontextmanager
async def served(studio: Studio, port: int = 0) -> AsyncIterator[str]:
    """The same server in this process, which a loaded model starts at once: its address."""
    app = application(studio, Access(LOOPBACK, None))
    async with sites.served(app, "127.0.0.1", port, 0) as address:
        yield address


def spoken(text: str, before: float = 0.5, after: float = 1.5, voice: Voice = VOICE) -> np.ndarray:
    """A sentence float32 [S], with so many seconds of a quiet room around it."""
    sound = spoken_alone((text, voice))[0].sound
    parts = [np.zeros(round(before * SAMPLE_RATE)), sound, np.zeros(round(after * SAMPLE_RATE))]
    whole = np.concatenate(parts)
    room = np.random.default_rng(0).normal(size=len(whole)) * 1e-4
    return (whole + room).astype(np.float32)


def words_heard(messages: Iterable[dict]) -> dict[int, str]:
    """The words that light marks, by frame; later light replaces that of the same frames."""
    words: dict[int, str] = {}
    for message in messages:
        if message["type"] == "light":
            words = {frame: word for frame, word in words.items() if frame < message["first"]}
            words |= {frame: word for frame, word, _ in message["words"]}
    return words


def pcm(sound: np.ndarray) -> bytes:
    return (sound.clip(-1, 1) * 32767).astype("<i2").tobytes()


async def type_and_say(tab: Tab, text: str) -> None:
    await tab.value(f"document.querySelector('#text').value = {json.dumps(text)}")
    await tab.press("#say button")
