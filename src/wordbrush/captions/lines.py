"""What is said of which picture, and by whom; a seed and a number decide each line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wordbrush.captions.engines.interface import NATURAL_PITCH, NATURAL_RATE
from wordbrush.captions.engines.table import language_of_voice
from wordbrush.captions.grammar import Grammar, grammar_of
from wordbrush.captions.voices import Voice
from wordbrush.params import GROUPS, RECORDINGS, Captions, engine_of_voice
from wordbrush.scenes.facts import things_of

# Random streams beside that of drawings' captions: of captions of scenes, and of pauses in either.
SCENES, PAUSES = 2, 3
OTHER_LANGUAGE = 7  # beside those of captions.composition; English has the streams above alone


@dataclass(frozen=True)
class Line:
    """A text, and the voice that speaks it."""

    text: str
    voice: Voice


def spoken_in(captions: Captions, language: str) -> Captions:
    """The same with the voices that speak this language alone; engines keep their proportions."""
    groups = {
        field: [voice for voice in getattr(captions, field) if language_of_voice(voice) == language]
        for field in GROUPS.values()
    }
    if all(voices == getattr(captions, field) for field, voices in groups.items()):
        return captions
    speaking = {engine_of_voice(voice) for voice in groups["voices"]}
    shares = {name: share for name, share in captions.engine_shares.items() if name in speaking}
    whole = sum(shares.values())
    return captions.model_copy(
        update={**groups, "engine_shares": {name: one / whole for name, one in shares.items()}}
    )


def in_first(captions: Captions) -> Captions:
    """The same with the voices of the first language, in which all tests are but those of
    languages."""
    return spoken_in(captions, captions.languages[0])


def describers(number: int, split: str, captions: Captions) -> list[str]:
    """The languages in which a drawing is described: for training, one where none are shared."""
    languages = captions.languages
    if captions.shared or split != "train":
        return languages
    return [languages[number % len(languages)]]


def stream_of(language: str) -> list[int]:
    """What random streams of captions in this language end with; those of English with nothing."""
    if language == "en":
        return []
    return [OTHER_LANGUAGE, int.from_bytes(language.encode(), "big")]


def drawing_lines(
    parsed: list[list[dict]],
    captions: Captions,
    min_confidence: float,
    seed: int,
    language: str = "en",
) -> list[Line]:
    """A description of each drawing by the objects that the segmenter is sure of.

    captions: with voices of this language alone (`spoken_in`).
    """
    lines, grammar, stream = [], grammar_of(language), stream_of(language)
    for number, objects in enumerate(parsed):
        rng = np.random.default_rng([seed, number, *stream])
        sure = [thing for thing in objects if thing["confidence"] >= min_confidence]
        text = grammar.describe(sure, rng)
        text = spoken_text(text, grammar, captions, [seed, number, PAUSES, *stream])
        lines.append(Line(text, random_voice(captions, rng)))
    return lines


def scene_lines(
    scenes: Sequence[Mapping[str, Any]], captions: Captions, seed: int, language: str = "en"
) -> list[Line]:
    """A description of each rendered scene by its own JSON. captions: as in `drawing_lines`."""
    lines, grammar, stream = [], grammar_of(language), stream_of(language)
    for number, scene in enumerate(scenes):
        rng = np.random.default_rng([seed, number, SCENES, *stream])
        text = grammar.describe(things_of(scene), rng)
        text = spoken_text(text, grammar, captions, [seed, number, SCENES, PAUSES, *stream])
        lines.append(Line(text, random_voice(captions, rng)))
    return lines


def spoken_text(text: str, grammar: Grammar, captions: Captions, stream: list[int]) -> str:
    """The text, with pauses if it is one of those that have them."""
    rng = np.random.default_rng(stream)
    return grammar.with_pauses(text, rng) if rng.random() < captions.pauses else text


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
