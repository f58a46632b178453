"""Sound in and out: 16 kHz, one channel, float32 in [-1, 1]; FLAC at rest.

soundfile and scipy are imported where they are used: a trained model runs without them.
"""

import io
from functools import lru_cache
from math import gcd, inf
from types import ModuleType
from typing import BinaryIO

import numpy as np

from wordbrush.errors import WordbrushError, optional_packages

SAMPLE_RATE = 16000
RATES = range(4000, 384_001)  # samples a second: from a telephone's to the most of recorders
OFFSET = 0.005  # of the peak: the mean of speech alone stays below, a recorder's fault lies above


def encode(sound: np.ndarray) -> bytes:
    """16-bit FLAC of a 16 kHz sound [S], as floats in [-1, 1] or as int16."""
    buffer = io.BytesIO()
    _soundfile().write(buffer, sound, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode(data: bytes, origin: str) -> np.ndarray:
    """A 16 kHz sound float32 [S], from any format that libsndfile reads.

    Raises WordbrushError, which names `origin`, where it cannot be read, or has another rate or
    several channels.
    """
    sound, rate = read_sound(data, origin)
    if rate != SAMPLE_RATE or sound.ndim != 1:
        raise WordbrushError(f"{origin} must be one channel at {SAMPLE_RATE} Hz.")
    return sound


def read_sound(data: bytes | BinaryIO, origin: str, longest: float = inf) -> tuple[np.ndarray, int]:
    """A file's sound, float32 [S] or [S, channels], and its sample rate.

    data: the file, or what it holds. longest: seconds, which are known before all is read.
    Raises WordbrushError, which names `origin`, where it is in no format that libsndfile reads, or
    is too long.
    """
    soundfile = _soundfile()
    try:
        with soundfile.SoundFile(io.BytesIO(data) if isinstance(data, bytes) else data) as file:
            require_short(file.frames / file.samplerate, origin, longest)
            return file.read(dtype="float32"), file.samplerate
    except (soundfile.LibsndfileError, RuntimeError) as error:
        reason = getattr(error, "error_string", error)  # without the name of our buffer
        raise WordbrushError(f"{origin} is not readable sound ({reason}).") from None


def require_short(seconds: float, origin: str, longest: float) -> None:
    """Raises WordbrushError, which names `origin`, for more than `longest` seconds of sound."""
    if seconds > longest:
        raise WordbrushError(
            f"{origin} lasts {seconds:.0f} s, and {longest:.0f} s is the most that is listened to: "
            "cut out what shall be heard."
        )


def resample(sound: np.ndarray, rate: int) -> np.ndarray:
    """A sound float32 [S] of any sample rate, at 16 kHz."""
    if rate == SAMPLE_RATE:
        return sound
    with optional_packages():
        from scipy.signal import resample_poly  # takes a second to import, and is seldom needed

    common = gcd(SAMPLE_RATE, rate)
    up, down = SAMPLE_RATE // common, rate // common
    return resample_poly(sound, up, down, window=_low_pass(max(up, down))).astype(np.float32)


@lru_cache(maxsize=8)  # people's own rates have long filters
def _low_pass(factor: int) -> np.ndarray:
    """The filter that `resample_poly` would otherwise design anew for each sound."""
    from scipy.signal import firwin

    return firwin(20 * factor + 1, 1 / factor, window=("kaiser", 5.0)).astype(np.float32)


def _soundfile() -> ModuleType:
    """Raises WordbrushError where soundfile is not installed."""
    with optional_packages():
        import soundfile
    return soundfile
