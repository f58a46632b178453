"""Sound as people bring it: files and arrays of many forms become 16 kHz, one channel, float32.

The same sound gives the same samples to rounding, whatever its form, its level and its rate; what
cannot be such sound is refused in one sentence that says what came.
"""

import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from wordbrush.audio.sound import SAMPLE_RATE, read_sound, resample
from wordbrush.errors import WordbrushError
from wordbrush.storage.arrays import as_array


class Spoken(Protocol):
    """What `speak` returns: it carries its sound, at 16 kHz."""

    sound: np.ndarray


Sound = str | os.PathLike | bytes | np.ndarray | torch.Tensor | Spoken
"""A file, its content, samples, or an utterance."""

HIGHEST_RATE = 384_000  # samples a second: the most that recorders offer
MOST_CHANNELS = 8  # 7.1 surround; of a shape [a, b], the channels are the axis that is this short
SHORTEST = 0.02  # seconds: no speech sound is shorter
LOUDEST = 2.0  # floats overshoot 1 after resampling or lossy coding, but never this much
OFFSET = 0.005  # of the peak: the mean of speech alone stays below, a recorder's fault lies above
FORMS = (
    "a file, its bytes, or samples [S], [S, channels] or [channels, S] as floats in [-1, 1], "
    "int16, int32, int64 or uint8"
)


def load_sound(given: Sound, rate: float | None = None) -> np.ndarray:
    """Any sound as 16 kHz float32 [S], its peak in [0.5, 1).

    given: a file or its bytes, in any format that libsndfile reads; or samples of one or several
    channels, which are averaged, as floats in [-1, 1], signed integers, or WAV's unsigned 8 bits
    (centre 128; so coarse that answers differ); or what `speak` returns. rate: samples a second; if
    not given, those of the file, and 16,000 of samples.

    The level does not matter to features, so it is brought to one range, by a power of two, which
    changes no digit. A constant offset is removed, since it would make steps beside silence.

    Raises WordbrushError for a file that cannot be read, samples of another form or range, samples
    that are not finite, a rate below 16 kHz (the upper half of speech would be missing), and
    sound that is silent or shorter than 20 ms.
    """
    samples, rate = _read(getattr(given, "sound", given), rate)
    mono = _one_channel(_centred(samples))
    seconds = len(mono) / rate
    if seconds < SHORTEST:
        raise WordbrushError(
            f"the sound has {len(mono)} samples ({seconds:.3f} s): {SHORTEST} s or more are needed."
        )
    offset, peak = mono.mean(), np.abs(mono).max()
    if samples.dtype == np.uint8 or abs(offset) > OFFSET * peak:
        mono = mono - offset
    if np.ptp(mono) <= 1e-12 * peak:  # what rounding leaves of a constant
        raise WordbrushError(
            "the sound is silent: its samples are all the same (the mean of its channels, where it "
            "has several). Bring a sound with speech in it."
        )
    _, exponent = np.frexp(np.abs(mono).max())
    return resample(np.ldexp(mono, -exponent).astype(np.float32), rate)


def _read(given: Any, rate: float | None) -> tuple[np.ndarray, int]:
    """The samples as they came, and how many there are in a second."""
    if not isinstance(given, str | os.PathLike | bytes):
        return _array(given), _whole_rate(SAMPLE_RATE if rate is None else rate)
    if isinstance(given, bytes):
        origin = "the sound's file"
        samples, own = read_sound(given, origin)
    else:
        origin = str(given)
        samples, own = read_sound(_content(Path(given)), origin)
    if rate is not None and rate != own:
        raise WordbrushError(
            f"{origin} has {own} samples a second, but rate={rate} came with it: leave rate out, "
            "since a file knows its own."
        )
    return samples, _whole_rate(own)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise WordbrushError(
            f"{str(path)!r} is no file of sound that can be read ({reason.lower()}): correct its "
            "name."
        ) from None


def _whole_rate(rate: Any) -> int:
    """Raises WordbrushError for what is no possible number of samples a second."""
    number = isinstance(rate, int | float | np.integer | np.floating) and not isinstance(rate, bool)
    if not number or rate != rate or not 0 < rate <= HIGHEST_RATE or rate != int(rate):
        raise WordbrushError(
            f"rate={rate!r} is no sample rate: give a whole number of samples a second, from "
            f"{SAMPLE_RATE} to {HIGHEST_RATE}."
        )
    if rate < SAMPLE_RATE:
        raise WordbrushError(
            f"the sound has {rate} samples a second, so it lacks all above {rate / 2:g} Hz, which "
            f"the model listens to: record it with {SAMPLE_RATE} or more."
        )
    return int(rate)


def _array(given: Any) -> np.ndarray:
    """Raises WordbrushError for what is no array of samples."""
    array = as_array(given)
    if array is None:
        raise WordbrushError(
            f"an object of type {type(given).__name__} came as sound: bring {FORMS}."
        )
    return array


def _centred(samples: np.ndarray) -> np.ndarray:
    """Samples of any real type around 0, float64.

    Raises WordbrushError for other types, for samples that are not finite, and for floats that
    must be integers of some width.
    """
    kind, dtype = samples.dtype.kind, samples.dtype
    if kind == "i" and dtype.itemsize > 1:
        return samples.astype(np.float64)
    if dtype == np.uint8:
        return samples.astype(np.float64) - 128
    if kind != "f":
        raise WordbrushError(f"samples of type {dtype} came: bring {FORMS}.")
    broken = np.count_nonzero(~np.isfinite(samples))
    if broken:
        raise WordbrushError(
            f"{broken} of {samples.size} samples are not finite (NaN or infinite): repair the "
            "sound, or replace them by 0."
        )
    if samples.size and (peak := float(np.abs(samples).max())) > LOUDEST:
        raise WordbrushError(
            f"floats up to {peak:g} came as sound, but floats lie in [-1, 1]: bring integers as "
            "integers, or divide by the greatest value of their type (32768 for 16 bits)."
        )
    return samples.astype(np.float64)


def _one_channel(samples: np.ndarray) -> np.ndarray:
    """[S], [S, C] or [C, S] -> [S], the mean of the channels. Raises WordbrushError otherwise."""
    if samples.ndim == 1:
        return samples
    short = [axis for axis, size in enumerate(samples.shape) if size <= MOST_CHANNELS]
    if samples.ndim != 2 or len(short) != 1 or not samples.size:
        raise WordbrushError(
            f"samples of shape {list(samples.shape)} came as sound: bring one sound, [S], "
            f"[S, channels] or [channels, S], with {MOST_CHANNELS} channels at most."
        )
    return samples.mean(short[0])
