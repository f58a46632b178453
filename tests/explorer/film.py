"""`python -m tests.explorer.film FILE.webp`: a film of the explorer, as the README shows it.

Chromium's microphone says some sentences over and over. The page lights up, finds, draws and shows
its concepts. Frames are those that the browser itself showed, at the times when it showed them.
"""

import asyncio
import base64
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from PIL import Image

from tests.browser import Tab, chromium, microphone, page
from tests.explorer.servers import READY, ROOT, served, spoken, type_and_say
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.voices import Voice
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import Studio
from wordbrush.explorer.server import SEED
from wordbrush.explorer.sounds import wav
from wordbrush.model import load_model

SENTENCES = ("a big red cube", "a small blue ball", "a green cylinder")
HELD_OUT = Voice("en-us+m1", 170, 50)  # a voice that training never heard
SIZE = 1280, 880
WIDTH, HEIGHT = 960, 660  # of the film
FRAME_SECONDS = 0.12  # at least, for each picture of the film
PAUSE_SECONDS = 3.0  # in which the last picture stays
QUALITY = 70  # of WebP
PICTURES = 96


def main(file: Path) -> None:
    model = load_model(ROOT / "models/small")
    studio = Studio.of(model, drawn_gallery(model, PICTURES, SEED), SEED)
    with tempfile.TemporaryDirectory() as folder:
        said = np.concatenate([spoken(text, 0.4, 1.6, HELD_OUT) for text in SENTENCES])
        sound = Path(folder, "said.wav")
        sound.write_bytes(wav(said))
        with chromium(Path(folder, "profile"), *microphone(sound)) as devtools:
            frames = asyncio.run(filmed(studio, devtools, len(said) / SAMPLE_RATE))
    save(frames, file)
    print(f"{file}: {len(frames)} frames, {file.stat().st_size / 1e6:.1f} MB")


async def filmed(studio: Studio, devtools: str, seconds: float) -> list[dict[str, Any]]:
    """What the page showed. seconds: of all sentences."""
    async with served(studio) as address, page(devtools, address, "granted") as tab:
        await tab.until(READY)
        await tab.resize(*SIZE)
        await tab.call("Page.startScreencast", format="png", maxWidth=WIDTH)
        await tab.press("#microphone")
        await asyncio.sleep(seconds)
        await tab.press("#find")
        await asyncio.sleep(seconds)
        await tab.press("#microphone")
        await draw(tab)
        await tab.press("#concepts")
        await asyncio.sleep(1)
        await say(tab, "a ball")
        await asyncio.sleep(2)
        await tab.call("Page.stopScreencast")
        return tab.frames


async def draw(tab: Tab) -> None:
    """Change the first thing of a drawing."""
    await tab.press("#draw")
    await tab.until("document.querySelector('#reads').dataset.changes === '0'")
    await asyncio.sleep(1)
    await tab.press("#things button")
    await say(tab, "blue")
    await tab.until("document.querySelector('#reads').dataset.changes === '1'")
    await asyncio.sleep(3)


async def say(tab: Tab, text: str) -> None:
    """Say typed words, and wait until they were heard."""
    await type_and_say(tab, text)
    heard = f"document.querySelector('#status').textContent.startsWith({f'Heard “{text}”'!r})"
    await tab.until(heard)


def save(frames: Sequence[dict[str, Any]], file: Path) -> None:
    """Write a film whose pictures stay as long as the page showed them."""
    pictures: list[Image.Image] = []
    shown: list[float] = []
    for frame in frames:
        when = frame["metadata"]["timestamp"]
        if shown and when - shown[-1] < FRAME_SECONDS:
            continue
        picture = Image.open(io.BytesIO(base64.b64decode(frame["data"]))).convert("RGB")
        if picture.size == (WIDTH, HEIGHT):  # the first may be older than the page's size
            pictures.append(picture)
            shown.append(when)
    lengths = [*np.diff(shown), PAUSE_SECONDS]
    pictures[0].save(
        file,
        save_all=True,
        append_images=pictures[1:],
        duration=[round(1000 * length) for length in lengths],
        loop=0,
        quality=QUALITY,
        method=4,
        minimize_size=True,
    )


if __name__ == "__main__":
    typer.run(main)
