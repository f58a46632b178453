"""A small collection of people's kind: pictures of several sizes, two spoken captions each."""

from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from tests.corpora import miniatures
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.voices import Voice, speak
from wordbrush.corpora.division import Division
from wordbrush.corpora.intake import Settings, take_in
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import Source

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 60, 230)}
PICTURES = {"train": 6, "validation": 2, "test": 3}
VOICES = ("en-us", "en")  # who say the first and the second caption of each picture


def source(
    folder: Path,
    pictures: dict[str, int] = PICTURES,
    captions: int = 2,
    languages: tuple[str, ...] = ("en", "en"),
) -> Path:
    """A plain folder of pictures and recordings, with a list that names splits."""
    rows: list[dict] = []
    splits = [split for split, count in pictures.items() for _ in range(count)]
    for number, split in enumerate(splits):
        name = list(COLOURS)[number % len(COLOURS)]
        path = folder / f"pictures/p{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((20 + 4 * number, 48, 3), COLOURS[name], np.uint8)
        pixels[:, : 4 + number] = number  # no two pictures are the same
        Image.fromarray(pixels).save(path)
        for caption, voice in enumerate(VOICES[:captions]):
            text = f"{'this is' if caption else 'I see'} {name} number {number}"
            speech = folder / f"speech/{number}-{caption}.wav"
            speech.parent.mkdir(exist_ok=True)
            soundfile.write(speech, speak(text, Voice(voice, 175, 50)).sound, SAMPLE_RATE)
            rows.append(
                {"id": f"{number}-{caption}", "picture": path.name, "speech": speech.name,
                 "speaker": voice, "language": languages[caption], "split": split, "text": text}
            )  # fmt: skip
    miniatures.table(folder / "captions.csv", rows)
    return folder


def collection(folder: Path, **how) -> Path:
    """The same, imported by `wordbrush data`."""
    settings = Settings(None, Look(64, "white"), 20, Division("picture", 0.1, 0.1, 0), ())
    take_in(Source(source(folder / "source", **how)), folder / "collection", settings, False, False)
    return folder / "collection"
