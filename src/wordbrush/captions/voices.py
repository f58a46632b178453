"""Speech: voices, what may be said, and one espeak-ng for each process.

A voice whose name has a slash is another engine's (captions/engines): flite/slt.
"""

import threading
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from numbers import Integral
from os import register_at_fork
from pathlib import Path

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE, resample
from wordbrush.captions.engines.speaking import speak_by
from wordbrush.captions.engines.table import language_of_voice, require_voice, split
from wordbrush.captions.espeak import Engine
from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.params import PITCHES, RATES

with optional_packages():
    import espeakng_loader

LONGEST_TEXT = 10_000  # characters, some ten minutes
SPACES = "\t\n\v\f\r"  # the control characters of plain text
SHOWN = 60  # characters of a text in messages


@dataclass(frozen=True)
class Voice:
    """A voice, as in 'en-us+f2' or 'flite/slt'; words a minute, and pitch (params.RATES, PITCHES).

    Rate and pitch count as espeak-ng's do: engines speak as they are at 175 and 50.
    """

    name: str
    rate: int
    pitch: int

    @property
    def language(self) -> str:
        """The language of the voice, without region and speaker: en-us+f2 -> en."""
        return language_of_voice(self.name)


@dataclass(frozen=True)
class Utterance:
    """Speech at 16 kHz, float32 in [-1, 1], and where each word lies, in seconds."""

    sound: np.ndarray
    words: list[dict]


class _Process:
    """What this process has of espeak-ng: a lock around every call, and the engine once it spoke.

    loaded: whether the library was loaded, by this process or one that it was forked from.
    """

    lock = threading.Lock()
    engine: Engine | None = None
    loaded = False


def _forget_engine() -> None:
    """In a forked child: the parent's lock may be held, and its engine may be speaking."""
    _Process.lock, _Process.engine = threading.Lock(), None


register_at_fork(after_in_child=_forget_engine)


def _engine() -> Engine:
    """This process's engine. The caller holds the lock."""
    if _Process.engine is None:
        fresh, _Process.loaded = _Process.loaded, True
        _Process.engine = Engine(fresh)
    return _Process.engine


def start() -> None:
    """Start this process's engine. Raises WordbrushError where it does not start."""
    with _Process.lock:
        _engine()


def speak(text: str, voice: Voice) -> Utterance:
    """Speak with this process's espeak-ng, or the engine of the voice; threads wait for each other.

    Raises WordbrushError for a voice, rate or pitch that does not exist, and for a text that is too
    long, has control characters, or in which nothing can be heard.
    """
    check_text(text)
    check_spoken_by(voice)
    if split(voice.name)[0]:
        return Utterance(*speak_by(voice.name, text, int(voice.rate), int(voice.pitch)))
    with _Process.lock:
        engine = _engine()
        if not engine.set_voice(voice.name):
            raise no_voice(voice.name)
        own, words = engine.speak(text, int(voice.rate), int(voice.pitch))
        rate = engine.rate
    if not words or not own.any():
        raise WordbrushError(
            f"nothing can be heard of the text {shown(text)} in the voice {voice.name}: it needs a "
            "word."
        )
    sound = resample(own, rate)
    return Utterance(sound, list(timed(words, len(sound) / SAMPLE_RATE)))


def timed(words: list[dict], seconds: float) -> Iterator[dict]:
    """Words with start and end: each lasts until the next begins."""
    begins = [word["start"] for word in words]
    for word, begin, end in zip(words, begins, [*begins[1:], seconds], strict=True):
        yield {
            "word": word["word"],
            "start": round(begin, 3),
            "end": round(max(begin, end), 3),
        }


def check_text(text: str) -> None:
    """Raises WordbrushError for what is no text, and for what espeak-ng would take for commands."""
    if not isinstance(text, str):
        raise WordbrushError(f"{text!r:.{SHOWN}} is no text: give a string.")
    if len(text) > LONGEST_TEXT:
        raise WordbrushError(
            f"the text {shown(text)} has {len(text)} characters, and {LONGEST_TEXT} is the most: "
            "speak it in parts."
        )
    for character in text:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in SPACES:
            raise WordbrushError(
                f"the text {shown(text)} has the character {character!r}, which cannot be "
                "spoken: remove it."
            )


def check_spoken_by(voice: Voice) -> None:
    """Raises WordbrushError for a voice, rate or pitch that espeak-ng does not have."""
    if not isinstance(voice, Voice):
        raise WordbrushError(f"{voice!r:.{SHOWN}} is no Voice: give a Voice(name, rate, pitch).")
    check_voice(voice.name)
    for name, value, allowed in (("rate", voice.rate, RATES), ("pitch", voice.pitch, PITCHES)):
        if not isinstance(value, Integral) or isinstance(value, bool) or value not in allowed:
            raise WordbrushError(
                f"the {name} of a voice is {value!r:.{SHOWN}}; a whole number from {allowed[0]} to "
                f"{allowed[-1]} is needed."
            )


def shown(text: str) -> str:
    """A text in a message, cut where it is long."""
    return repr(text) if len(text) <= SHOWN else f"{text[:SHOWN]!r}…"


@cache
def variants() -> frozenset[str]:
    """The names after the '+': speakers such as m1 and f2."""
    return frozenset(path.name for path in (_data() / "voices/!v").iterdir())


@cache
def languages() -> frozenset[str]:
    """The names before the '+', in lower case: en, en-us, de, … if their dictionary is there."""
    files = (path for path in (_data() / "lang").rglob("*") if path.is_file())
    return frozenset(path.name.lower() for path in files if _dictionary(path).is_file())


def _data() -> Path:
    folder = Path(espeakng_loader.get_data_path())
    for part in ("lang", "voices/!v"):
        if not (folder / part).is_dir():
            raise WordbrushError(f"espeak-ng's {folder / part} is missing: run make setup again.")
    return folder


def _dictionary(language: Path) -> Path:
    """The dictionary of a language's file: of the name that it gives, or of its first language."""
    lines = [line.split() for line in language.read_text(encoding="utf-8").splitlines()]
    named = {words[0]: words[1] for words in reversed(lines) if len(words) > 1}
    name = named.get("dictionary") or named.get("language", "").partition("-")[0]
    return _data() / f"{name}_dict"


def no_voice(name: str) -> WordbrushError:
    """What is wrong with the name: its language, or else its speaker; and what there is."""
    language = name.partition("+")[0] if isinstance(name, str) else ""
    if language in languages():
        remedy = f"use one of {language}'s speakers after the + ({', '.join(sorted(variants()))})."
    else:
        known = ", ".join(sorted(languages()))
        remedy = f"use a language ({known}), with or without a speaker, as in en-us+f2."
    return WordbrushError(f"there is no voice {name!r:.{SHOWN}}; {remedy}")


def check_voice(name: str) -> None:
    """Raises WordbrushError for a language or speaker that does not exist.

    espeak-ng itself would quietly take another. Of another engine, also where it is not installed.
    """
    if isinstance(name, str) and split(name)[0]:
        require_voice(name)
        return
    language, plus, variant = name.partition("+") if isinstance(name, str) else ("", "", "")
    if language not in languages() or (plus and variant not in variants()):
        raise no_voice(name)
