"""What every engine does: a text and one of its voices give sound, and if it knows, word times."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from wordbrush.captions.engines.wheels import Part

NATURAL_RATE, NATURAL_PITCH = 175, 50  # espeak-ng's defaults, at which others speak as they are
PAUSE = ","  # behind a word of a text: engines pause there
OCTAVE = 50  # steps of pitch in an octave; espeak-ng's table doubles from 0 to 50 (setlengths.c)


@dataclass(frozen=True)
class Spoken:
    """Sound float32 [S] in [-1, 1] at the engine's own `rate` in Hz, and when each word is said.

    words: of the text, in order, with word, start and end in seconds; None where the engine does
    not tell.
    """

    sound: np.ndarray
    rate: int
    words: list[dict] | None = None


class Engine(Protocol):
    """A synthesiser. It is made once in a process, and speaks for one thread at a time.

    name: before the slash of its voices. package: what to install, as a command or a sentence.
    """

    name: str
    package: str

    def voices(self) -> tuple[str, ...]:
        """The voices that are installed. Raises WordbrushError where the engine is not."""

    def version(self, voice: str) -> str:
        """Changes whenever the same text in this voice may sound otherwise."""

    def parts(self, voice: str) -> tuple[Part, ...]:
        """The files that the voice speaks with, whose bytes are known; none of programs, and none
        of people. Raises WordbrushError where a wheel is missing."""

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        """Speak `tempo` times as fast as the voice does by itself, `pitch` times as high.

        Raises WordbrushError where the engine fails.
        """


def tempo_of(rate: int) -> float:
    """The tempo of a rate in words a minute."""
    return rate / NATURAL_RATE


def pitch_of(pitch: int) -> float:
    """The factor of frequency of an espeak-ng pitch: 0.5 at 0, 1 at 50, almost 2 at 99."""
    return 2 ** ((pitch - NATURAL_PITCH) / OCTAVE)


def played_higher(spoken: Spoken, pitch: float) -> Spoken:
    """The same samples played `pitch` times as fast, for engines that cannot change the pitch.

    Formants move as well, as with another length of the vocal tract. The caller has the engine
    speak more slowly by the same factor.
    """
    if pitch == 1:
        return spoken
    rate = round(spoken.rate * pitch / 100) * 100  # whole hundreds keep the resampling short
    words = spoken.words and [
        {
            "word": word["word"],
            "start": word["start"] * spoken.rate / rate,
            "end": word["end"] * spoken.rate / rate,
        }
        for word in spoken.words
    ]
    return Spoken(spoken.sound, rate, words)
