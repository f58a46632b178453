"""What is said of which picture, and by whom; a seed and a number decide each line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wordbrush.captions.engines.interface import NATURAL_PITCH, NATURAL_RATE
from wordbrush.captions.grammar import ENGLISH, describe
from wordbrush.captions.voices import Voice
from wordbrush.params import RECORDINGS, Captions, engine_of_voice
from wordbrush.scenes.facts import things_of

# Random streams beside that of drawings' captions: of captions of scenes, and of pauses in either.
SCENES, PAUSES = 2, 3


@dataclass(frozen=True)
class Line:
    """A text, and the voice that speaks it."""

    text: str
    voice: Voice


def drawing_lines(
    parsed: list[list[dict]], captions: Captions, min_confidence: float, seed: int
) -> list[Line]:
    """A description of each drawing by the objects that the segmenter is sure of."""
    lines = []
    for number, objects in enumerate(parsed):
        rng = np.random.default_rng([seed, number])
        sure = [thing for thing in objects if thing["confidence"] >= min_confidence]
        text = spoken_text(describe(sure, rng), captions, [seed, number, PAUSES])
        lines.append(Line(text, random_voice(captions, rng)))
    return lines


def scene_lines(scenes: Sequence[Mapping[str, Any]], captions: Captions, seed: int) -> list[Line]:
    """A description of each rendered scene by its own JSON."""
    lines = []
    for number, scene in enumerate(scenes):
        rng = np.random.default_rng([seed, number, SCENES])
        text = describe(things_of(scene), rng)
        text = spoken_text(text, captions, [seed, number, SCENES, PAUSES])
        lines.append(Line(text, random_voice(captions, rng)))
    return lines


def spoken_text(text: str, captions: Captions, stream: list[int]) -> str:
    """The text, with pauses if it is one of those that have them."""
    rng = np.random.default_rng(stream)
    return ENGLISH.with_pauses(text, rng) if rng.random() < captions.pauses else text


def random_voice(captions: Captions, rng: np.random.Generator) -> Voice:
    """One of the voices of training, at one of the rates and pitches."""
    return voice_among(captions.voices, captions.voice_shares, captions, rng)


def voice_among(
    names: Sequence[str],
    shares: Sequence[float] | None,
    captions: Captions,
    rng: np.random.Generator,
) -> Voice:
    """One of these voices, each drawn so often, at one of the rates and pitches."""
    return voice_at(
        str(rng.choice(names, p=shares)),
        int(rng.choice(captions.rates)),
        int(rng.choice(captions.pitches)),
    )


def usual_voice(name: str, captions: Captions) -> Voice:
    """A voice at the median rate and pitch, as it speaks in the tests."""
    return voice_at(name, *(int(np.median(each)) for each in (captions.rates, captions.pitches)))


def voice_at(name: str, rate: int, pitch: int) -> Voice:
    """A voice at this rate and pitch; a recording has its own, which count as the natural ones."""
    if engine_of_voice(name) == RECORDINGS:
        return Voice(name, NATURAL_RATE, NATURAL_PITCH)
    return Voice(name, rate, pitch)
