"""Sound in and out: 16 kHz, one channel, float32 in [-1, 1]; FLAC at rest."""

import io
from functools import cache
from math import gcd

import numpy as np
import soundfile

from wordbrush.errors import WordbrushError

SAMPLE_RATE = 16000


@cache
def resampling(rate: int) -> tuple[int, int, np.ndarray]:
    """From `rate` to ours: factors up and down, and `resample_poly`'s own filter, which it would else design for each sound."""
    from scipy.signal import firwin

    common = gcd(SAMPLE_RATE, rate)
    up, down = SAMPLE_RATE // common, rate // common
    return (
        up,
        down,
        firwin(20 * max(up, down) + 1, 1 / max(up, down), window=("kaiser", 5.0)).astype(
            np.float32
        ),
    )


def encode(sound: np.ndarray) -> bytes:
    """16-bit FLAC of a 16 kHz sound in [-1, 1]."""
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode(data: bytes, origin: str) -> np.ndarray:
    """float32 [S] of an encoded sound; an unreadable one is a WordbrushError that names `origin`."""
    try:
        sound, rate = soundfile.read(io.BytesIO(data), dtype="float32")
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise WordbrushError(f"{origin} is not readable sound ({error}).") from None
    if rate != SAMPLE_RATE or sound.ndim != 1:
        raise WordbrushError(f"{origin} must be one channel at {SAMPLE_RATE} Hz.")
    return sound
