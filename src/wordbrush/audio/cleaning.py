"""What is done to a recording before it is heard, whatever made it, and an account of it."""

from dataclasses import dataclass
from math import log10

import numpy as np

from wordbrush.audio.hum import without_hum
from wordbrush.audio.levels import FRAME, STRONG, Levels, limited, measured, speech_within
from wordbrush.audio.sound import SAMPLE_RATE

SPARED = 40  # frames of silence at an end that stay as they are: captions of ours have no more
SILENCE = 8  # frames that are left of more: with 25, words alone were understood less well
PAUSE = 200  # frames in which hum is measured: its phase is known for some seconds only
DOUBLED_DB = 20 * log10(2)
TARGET_DB = -27.0  # of the speech; the peaks of most voices then lie below 1


@dataclass(frozen=True)
class Cleaning:
    """hum_hz: of the mains that were removed. cut: seconds of silence before and after the speech.
    limited: seconds far louder than the speech, which were lowered. gain_db: of all."""

    hum_hz: float | None
    cut: tuple[float, float]
    limited: float
    gain_db: float


def cleaned(sound: np.ndarray) -> tuple[np.ndarray, Cleaning]:
    """Speech float32 [S] at 16 kHz, in which something is heard, at its usual level.

    Hum goes, then silence at both ends, then bangs; the level is that of the speech. Gains of all
    are powers of two, which change no digit.
    """
    near, far = _ends(sound, measured(sound, STRONG), PAUSE, PAUSE)
    loose = sound[near:far]
    loose, hertz = without_hum(loose, measured(loose, STRONG))
    levels = measured(loose)
    begin, end = _ends(loose, levels, SPARED, SILENCE)
    calm, loud = limited(loose, levels)
    power = round((TARGET_DB - levels.speech) / DOUBLED_DB)
    cut = ((near + begin) / SAMPLE_RATE, (len(sound) - near - end) / SAMPLE_RATE)
    done = Cleaning(hertz, cut, loud, DOUBLED_DB * power)
    return np.ldexp(calm[begin:end], power).astype(np.float32), done


def _ends(sound: np.ndarray, levels: Levels, spared: int, left: int) -> tuple[int, int]:
    """The samples from which and to which a sound is kept, with its speech.

    What is more than `spared` frames of silence at an end is cut to `left` frames.
    """
    first, stop = speech_within(levels)
    begin = (first - left) * FRAME if first > spared else 0
    silent = len(levels.decibels) - stop > spared
    return begin, (stop + left) * FRAME if silent else len(sound)
