"""What is done to a recording before it is heard, whatever made it, and an account of it."""

from dataclasses import dataclass
from math import log10

import numpy as np

from wordbrush.audio.hum import without_hum
from wordbrush.audio.levels import FRAME, limited, measured, speech_within
from wordbrush.audio.sound import SAMPLE_RATE

SILENCE = 8  # frames that stay on either side: with 25, words alone were understood less well
DOUBLED_DB = 20 * log10(2)
TARGET_DB = -30.0  # of the speech after pre-emphasis; peaks then lie about 1


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
    levels = measured(sound)
    sound, hertz = without_hum(sound, levels)
    if hertz is not None:
        levels = measured(sound)
    first, stop = speech_within(levels)
    begin = max(first - SILENCE, 0) * FRAME
    end = min((stop + SILENCE) * FRAME, len(sound))
    calm, loud = limited(sound, levels)
    power = round((TARGET_DB - levels.speech) / DOUBLED_DB)
    cut = (begin / SAMPLE_RATE, (len(sound) - end) / SAMPLE_RATE)
    done = Cleaning(hertz, cut, loud, DOUBLED_DB * power)
    return np.ldexp(calm[begin:end], power).astype(np.float32), done
