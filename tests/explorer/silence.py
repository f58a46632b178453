"""`python -m tests.explorer.silence`: how much silence to keep before an utterance.

The explorer hears sentences by several voices, each from so long before its first loud frame on.
Prints how many of the words their concepts heard, and for how many sentences the first drawing has
the object. Takes some minutes, most of which processes need that speak a sentence each.
"""

import numpy as np
import pytest
import typer

from tests.explorer.servers import ROOT, spoken, words_heard
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.voices import Voice
from wordbrush.explorer import listening
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import Listener, Studio
from wordbrush.explorer.server import SEED
from wordbrush.model import load_model

SECONDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)
VOICES = (
    "en-us+m1",
    "en+f3",
    "en-gb-x-rp",
    "en-us+m2",
    "en-us",
)  # training held out the first three
COLOURS, SHAPES = ("red", "green", "blue", "yellow"), ("cube", "sphere", "cylinder")
PICTURES = 96


def main() -> None:
    model = load_model(ROOT / "models/small")
    studio = Studio.of(model, drawn_gallery(model, PICTURES, SEED), SEED)
    drawn = [
        {(one["color"], one["shape"]) for one in things}
        for things in model.read(studio.gallery.pictures)
    ]
    said = [
        (colour, shape, spoken(f"a big {colour} {shape}", 0.5, 1.5, Voice(voice, 170, 50)))
        for voice in VOICES
        for colour in COLOURS
        for shape in SHAPES
    ]
    for seconds in SECONDS:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(listening, "LEAD", round(seconds * SAMPLE_RATE))
            words = found = 0
            for colour, shape, sound in said:
                heard, first = understood(studio, sound)
                words += len({colour, shape} & heard)
                found += (colour, shape) in drawn[first]
        print(f"{seconds:.2f} s: {words} of {2 * len(said)} words, {found} of {len(said)} drawings")


def understood(studio: Studio, sound: np.ndarray) -> tuple[set[str], int]:
    """The words that concepts hear, and the drawing that fits best."""
    listener = Listener(studio)
    listener.view, listener.finding = [0], True
    pieces = np.split(sound, range(SAMPLE_RATE, len(sound), SAMPLE_RATE))
    messages = [message for piece in pieces for message in listener.push(piece)]
    hits = [message["hits"] for message in messages if message["type"] == "hits"]
    return set(words_heard(messages).values()), hits[-1][0]


if __name__ == "__main__":
    typer.run(main)
