"""Sound as people bring it: files and arrays of many forms become 16 kHz, one channel, float32.

The same sound gives the same samples to rounding, whatever its form, its level and its rate; what
cannot be such sound is refused in one sentence that says what came.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from wordbrush.audio.cleaning import Cleaning, cleaned
from wordbrush.audio.sound import OFFSET, RATES, SAMPLE_RATE, read_sound, require_short, resample
from wordbrush.audio.widening import widened
from wordbrush.errors import WordbrushError
from wordbrush.storage.arrays import as_array

logger = logging.getLogger(__name__)


class Spoken(Protocol):
    """What `speak` returns: it carries its sound, at 16 kHz."""

    sound: np.ndarray


Sound = str | os.PathLike | bytes | np.ndarray | torch.Tensor | Spoken
"""A file, its content, samples, or an utterance."""

MOST_CHANNELS = 8  # 7.1 surround; of a shape [a, b], the channels are the axis that is this short
SHORTEST = 0.02  # seconds: no speech sound is shorter
LONGEST = 600.0  # seconds: a caption lasts some, and what is longer is another thing
LOUDEST = 2.0  # floats overshoot 1 after resampling or lossy coding, but never this much
CANCELLED = 0.1  # of the power of the loudest channel; two of which one is silent leave 0.25
CLIPPING = 0.2  # of full scale from the least to the greatest value: clipped samples lie further
FULL_SCALE = {"i2": 2.0**15, "i4": 2.0**31, "i8": 2.0**15, "u1": 2.0**7}
TOLD_SECONDS, TOLD_DB, TOLD_CLIPPED = 0.1, 6.0, 0.1  # less is not worth a word
BAD_DB, BAD_CLIPPED = 50.0, 2.0  # of these, answers become worse
FORMS = (
    "a file, its bytes, or samples [S], [S, channels] or [channels, S] as floats in [-1, 1], "
    "int16, int32, int64 or uint8"
)


@dataclass(frozen=True)
class Changes:
    """What was done to a sound before it is heard; as text, one line of it.

    rate: samples a second, as it came. channels: which were mixed; alone: of which one alone was
    taken, as they cancel each other. offset: whether one was removed. clipped: percent of samples
    that were cut at the loudest value, which nothing brings back. gain_db: of all.
    """

    rate: int
    channels: int
    alone: bool
    offset: bool
    clipped: float
    gain_db: float
    cleaning: Cleaning

    @property
    def narrow(self) -> bool:
        """Whether the model listens to more than the sound can hold, as of a telephone's rate."""
        return self.rate < SAMPLE_RATE

    @property
    def bad(self) -> bool:
        """Whether answers become worse by what nothing brings back."""
        return self.narrow or self.clipped >= BAD_CLIPPED or self.gain_db >= BAD_DB

    def __str__(self) -> str:
        return ", ".join(self._parts()) or "as it came"

    def _parts(self) -> Iterator[str]:
        done = self.cleaning
        if self.rate != SAMPLE_RATE:
            lack = f", which lacks all above {self.rate / 2:g} Hz" if self.narrow else ""
            yield f"resampled from {self.rate} Hz{lack}"
        if self.alone:
            yield f"the loudest of {self.channels} channels taken, as they cancel each other"
        elif self.channels > 1:
            yield f"{self.channels} channels mixed"
        if self.offset:
            yield "offset removed"
        if done.hum_hz is not None:
            yield f"hum of {done.hum_hz:.1f} Hz removed"
        if (cut := sum(done.cut)) >= TOLD_SECONDS:
            before, after = done.cut
            yield f"{cut:.1f} s without speech cut ({before:.1f} before, {after:.1f} after)"
        if done.limited:
            yield f"{done.limited:.2f} s far louder than the speech lowered"
        if abs(self.gain_db) >= TOLD_DB:
            moved = "raised" if self.gain_db > 0 else "lowered"
            yield f"level {moved} by {abs(self.gain_db):.0f} dB"
        if self.clipped >= TOLD_CLIPPED:
            yield f"{self.clipped:.1f} % of samples are clipped"


@dataclass(frozen=True)
class Prepared:
    """sound: 16 kHz, float32 [S], its speech at the usual level. changes: what was done to it."""

    sound: np.ndarray
    changes: Changes


def load_sound(given: Sound, rate: float | None = None) -> np.ndarray:
    """The sound of `prepare`; what was done to it goes to the log, as a warning where it is bad."""
    return logged(prepare(given, rate)).sound


def logged(prepared: "Prepared") -> "Prepared":
    """The same; what was done to it goes to the log, as a warning where it is bad."""
    level = logging.WARNING if prepared.changes.bad else logging.INFO
    logger.log(level, "sound: %s", prepared.changes)
    return prepared


def prepare(given: Sound, rate: float | None = None) -> Prepared:
    """Any sound as 16 kHz float32 [S], cleaned (audio/cleaning.py), and what was done to it.

    given: a file or its bytes, in any format that libsndfile reads; or samples of one or several
    channels, which are averaged, as floats in [-1, 1], signed integers, or WAV's unsigned 8 bits
    (centre 128; so coarse that answers differ); or what `speak` returns. rate: samples a second; if
    not given, those of the file, and 16,000 of samples.

    Channels that cancel each other, as those of a microphone with crossed wires do, give the
    loudest alone. A constant offset is removed, since it would make steps beside silence. What a
    rate below 16 kHz lacks is filled with an image of what is there (audio/widening.py).

    Raises WordbrushError for a file that cannot be read, samples of another form or range, samples
    that are not finite, a rate that no recorder has, and sound that is silent, shorter than 20 ms,
    or longer than ten minutes.
    """
    samples, rate = _read(getattr(given, "sound", given), rate)
    mono, channels, alone = _one_channel(_centred(samples))
    seconds = len(mono) / rate
    if seconds < SHORTEST:
        raise WordbrushError(
            f"the sound has {len(mono)} samples ({seconds:.3f} s): {SHORTEST} s or more are needed."
        )
    require_short(seconds, "the sound", LONGEST)
    offset, peak = mono.mean(), np.abs(mono).max()
    shifted = bool(abs(offset) > OFFSET * peak)
    if shifted or samples.dtype == np.uint8:
        mono = mono - offset
    if np.ptp(mono) <= 1e-12 * peak:  # what rounding leaves of a constant
        raise WordbrushError(
            "the sound is silent: its samples are all the same. Bring a sound with speech in it."
        )
    _, exponent = np.frexp(np.abs(mono).max())
    whole = resample(np.ldexp(mono, -exponent).astype(np.float32), rate)
    if rate < SAMPLE_RATE:
        whole = widened(whole, rate)
    sound, done = cleaned(whole)
    full = FULL_SCALE.get(samples.dtype.str[1:], 1.0)
    gain = done.gain_db + 20 * float(np.log10(full) - exponent * np.log10(2))
    clipped = _clipped(samples, full)
    return Prepared(sound, Changes(rate, channels, alone, shifted, clipped, gain, done))


def _clipped(samples: np.ndarray, full: float) -> float:
    """Percent of samples that lie three or more in a row at the greatest or the least value.

    Quiet and coarse samples lie there without being clipped, so they do not count.
    """
    lines = samples if samples.ndim == 1 or samples.shape[0] > MOST_CHANNELS else samples.T
    low, high = lines.min(), lines.max()
    if samples.dtype.itemsize == 1 or float(high) - float(low) < CLIPPING * full:
        return 0.0
    extreme = (lines == low) | (lines == high)
    three = extreme[2:] & extreme[1:-1] & extreme[:-2]
    three = np.pad(three, [(2, 2), *[(0, 0)] * (three.ndim - 1)])
    return 100 * float((three[2:] | three[1:-1] | three[:-2]).mean())


def _read(given: Any, rate: float | None) -> tuple[np.ndarray, int]:
    """The samples as they came, and how many there are in a second."""
    if not isinstance(given, str | os.PathLike | bytes):
        return _array(given), _whole_rate(SAMPLE_RATE if rate is None else rate)
    if isinstance(given, bytes):
        origin = "the sound's file"
        samples, own = read_sound(given, origin, LONGEST)
    else:
        origin = str(given)
        samples, own = _from_file(Path(given), origin)
    if rate is not None and rate != own:
        raise WordbrushError(
            f"{origin} has {own} samples a second, but rate={rate} came with it: leave rate out, "
            "since a file knows its own."
        )
    return samples, _whole_rate(own)


def _from_file(path: Path, origin: str) -> tuple[np.ndarray, int]:
    try:
        with path.open("rb") as file:
            return read_sound(file if file.seekable() else file.read(), origin, LONGEST)
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or str(error)
        raise WordbrushError(
            f"{str(path)!r} is no file of sound that can be read ({reason.lower()}): correct its "
            "name."
        ) from None


def _whole_rate(rate: Any) -> int:
    """Raises WordbrushError for what is no possible number of samples a second."""
    number = isinstance(rate, int | float | np.integer | np.floating) and not isinstance(rate, bool)
    if not number or not RATES[0] <= rate <= RATES[-1] or rate != int(rate):
        raise WordbrushError(
            f"rate={rate!r} is no sample rate: give a whole number of samples a second, from "
            f"{RATES[0]} to {RATES[-1]}."
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


def _one_channel(samples: np.ndarray) -> tuple[np.ndarray, int, bool]:
    """[S], [S, C] or [C, S] -> the mean of the channels [S]; how many; whether one was taken alone.

    Raises WordbrushError for another shape.
    """
    if samples.ndim == 1:
        return samples, 1, False
    short = [axis for axis, size in enumerate(samples.shape) if size <= MOST_CHANNELS]
    if samples.ndim != 2 or len(short) != 1 or not samples.size:
        raise WordbrushError(
            f"samples of shape {list(samples.shape)} came as sound: bring one sound, [S], "
            f"[S, channels] or [channels, S], with {MOST_CHANNELS} channels at most."
        )
    mean = samples.mean(short[0])
    power = samples.var(1 - short[0])
    if mean.var() >= CANCELLED * power.max():
        return mean, len(power), False
    return samples.take(int(power.argmax()), short[0]), len(power), True
