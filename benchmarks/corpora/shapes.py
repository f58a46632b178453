"""Sources of the shape of published collections, with generated sound and pictures.

Numbers, lengths and forms of files are theirs, as far as we know them; what is said and shown is
not. The sound is speech, so that FLAC makes of it what it makes of recordings, and no two files are
the same.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
from PIL import Image, ImageFilter

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.voices import Voice, speak

TEXT = (
    "a man in a red coat walks over the bridge in front of the old station while two children "
    "look at the water and a small dog waits next to a green bench under the trees"
)
VOICES = ("en-us", "en-gb-x-rp", "en-us+f2", "en+m4")
HELD_OUT = 0.04  # of the pictures for each of validation and test: SpokenCOCO has 5,000 of 123,287
NOISE = 0.003  # of a room, against full scale: −50 dB
GRAIN = 14.0  # of 255: gives JPEG files of COCO's size


@dataclass(frozen=True)
class Shape:
    """How much a published collection holds, and how.

    captions: of a picture. seconds: of a recording, mean; spread: of their logarithm. width,
    height: of a picture.
    """

    form: Literal["coco", "places"]
    utterances: int
    captions: int
    seconds: float
    spread: float
    width: int
    height: int

    @property
    def pictures(self) -> int:
        return self.utterances // self.captions

    def lengths(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Seconds of so many recordings: float [N]."""
        centre = np.log(self.seconds) - self.spread**2 / 2
        return np.exp(rng.normal(centre, self.spread, count)).clip(0.5, 50)


SHAPES = {
    "spoken-coco": Shape("coco", 600_000, 5, 4.0, 0.3, 640, 480),  # Hsu et al. 2021
    "places": Shape("places", 400_000, 1, 10.0, 0.4, 256, 256),  # Harwath et al. 2018
}


def write_source(folder: Path, shape: Shape, pictures: int, seed: int) -> float:
    """A source of so many pictures with all their captions; returns its hours."""
    rng = np.random.default_rng(seed)
    for name in ("images", "wavs"):
        (folder / name).mkdir(parents=True)
    write_lists(folder, shape, pictures)
    spoken, total = speech(), 0.0
    for number in range(pictures):
        (folder / picture_name(number)).write_bytes(jpeg(shape, rng))
        for caption, seconds in enumerate(shape.lengths(shape.captions, rng)):
            total += seconds
            sound = excerpt(spoken, seconds, rng)
            soundfile.write(folder / sound_name(number, caption), sound, SAMPLE_RATE)
    return total / 3600


def write_lists(folder: Path, shape: Shape, pictures: int) -> None:
    """The lists alone, one a split."""
    held = max(2, round(HELD_OUT * pictures))
    ends = {"train": pictures - 2 * held, "val": pictures - held, "test": pictures}
    first = 0
    for split, end in ends.items():
        entries = [one for number in range(first, end) for one in described(shape, number)]
        (folder / f"captions_{split}.json").write_text(json.dumps({"data": entries}))
        first = end


def described(shape: Shape, number: int) -> Iterator[dict[str, Any]]:
    """The entries of a picture: one, or one a caption."""
    captions = [
        {
            "uttid": f"utt{number:06d}-{caption}",
            "speaker": f"m{(number * 7 + caption) % 2500:04d}",
            "wav": sound_name(number, caption),
        }
        for caption in range(shape.captions)
    ]
    image = picture_name(number)
    if shape.form == "coco":
        yield {"image": image, "captions": [{**one, "text": TEXT[:52]} for one in captions]}
    else:
        yield from ({**one, "image": image, "asr_text": TEXT} for one in captions)


def picture_name(number: int) -> str:
    return f"images/{number:06d}.jpg"


def sound_name(number: int, caption: int) -> str:
    return f"wavs/{number:06d}-{caption}.wav"


def speech() -> np.ndarray:
    """About a minute of several voices: float [T]."""
    return np.concatenate([speak(TEXT, Voice(voice, 160, 50)).sound for voice in VOICES])


def excerpt(spoken: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """So many seconds of it, from anywhere, with the noise of a room."""
    length = round(seconds * SAMPLE_RATE)
    start = rng.integers(len(spoken))
    sound = spoken[(start + np.arange(length)) % len(spoken)] * rng.uniform(0.3, 0.9)
    return sound + rng.normal(0, NOISE, length)


def jpeg(shape: Shape, rng: np.random.Generator) -> bytes:
    """A picture of coloured patches with grain."""
    patches = rng.integers(0, 256, (12, 16, 3), np.uint8)
    size = shape.width, shape.height
    smooth = Image.fromarray(patches).resize(size, Image.Resampling.BICUBIC)
    grain = rng.normal(0, GRAIN, (shape.height, shape.width, 1))
    pixels = (np.asarray(smooth.filter(ImageFilter.SHARPEN)) + grain).clip(0, 255)
    content = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(content, "JPEG", quality=90)
    return content.getvalue()
