"""The hum of mains, 50 or 60 Hz with its harmonics, taken out of a recording.

It goes on in the pauses, where no voice is: there it is measured, by least squares, and there it
must explain most of what is heard. Sound without pauses is left as it is.
"""

import numpy as np

from wordbrush.audio.levels import FRAME, Levels, smoothed
from wordbrush.audio.sound import SAMPLE_RATE

MAINS = (50.0, 60.0)
DRIFT = np.linspace(-0.2, 0.2, 9)  # Hz: grids and clocks of recorders are off by no more
CLOSER = np.linspace(-0.025, 0.025, 41)
FEW, ALL = 4, 16  # harmonics to search with, and to remove: up to 800 and 960 Hz
PAUSES = 0.25  # of all frames: the quietest, and all that are hardly louder
HARDLY_DB = 6.0
PAUSE_DB = 15.0  # below the speech at least
EXPLAINED = 0.6  # of the power in the pauses below 1 kHz
FIRST = 0.01  # of the power of hum that is at 50 or 60 Hz itself, and never of a voice at 120 Hz
EACH = 8  # samples for each unknown
MOST = 300  # frames of pauses to measure in
EDGE = 2  # frames at either end, which the low-pass blurs
LOW = 8  # each eighth sample is enough for what lies below 1 kHz
TAPS = 257


def without_hum(sound: np.ndarray, levels: Levels) -> tuple[np.ndarray, float | None]:
    """A sound float32 [S] at 16 kHz without hum; and its frequency in Hz, None where none is."""
    samples = _pauses(levels)
    if len(samples) < EACH * 2 * ALL:
        return sound, None
    wanted = _low_band(sound)[samples]
    coarse = min((mains + drift for mains in MAINS for drift in DRIFT),
                 key=lambda hertz: _fit(samples, wanted, hertz, FEW)[0])  # fmt: skip
    hertz = float(min((coarse + closer for closer in CLOSER),
                      key=lambda hertz: _fit(samples, wanted, hertz, ALL)[0]))  # fmt: skip
    left, weights = _fit(samples, wanted, hertz, ALL)
    powers = (weights**2).reshape(2, ALL).sum(0)
    if left >= (1 - EXPLAINED) * (wanted @ wanted) or powers[0] < FIRST * powers.sum():
        return sound, None
    rest = sound.astype(np.float64)
    for first in range(0, len(sound), SAMPLE_RATE):  # waves of a second take 4 MB
        part = np.arange(first, min(first + SAMPLE_RATE, len(sound)))
        rest[part] -= _waves(part / SAMPLE_RATE, hertz, ALL) @ weights
    return rest.astype(np.float32), hertz


def _pauses(levels: Levels) -> np.ndarray:
    """The samples of the low band that lie in pauses."""
    decibels = smoothed(levels.decibels)
    quiet = decibels <= np.quantile(decibels, PAUSES) + HARDLY_DB
    quiet &= decibels < levels.speech - PAUSE_DB
    quiet[:EDGE] = quiet[-EDGE:] = False
    frames = np.flatnonzero(quiet)
    if len(frames) > MOST:  # at random, since each second one would be the same half of each period
        frames = np.sort(np.random.default_rng(0).choice(frames, MOST, replace=False))
    each = FRAME // LOW
    return (frames[:, None] * each + np.arange(each)).ravel()


def _low_band(sound: np.ndarray) -> np.ndarray:
    """Each LOW-th sample of what lies below 1 kHz."""
    time = np.arange(TAPS) - TAPS // 2
    low_pass = np.sinc(time / LOW) * np.hamming(TAPS) / LOW
    return np.convolve(sound, low_pass, "same")[::LOW]


def _fit(
    samples: np.ndarray, wanted: np.ndarray, hertz: float, harmonics: int
) -> tuple[float, np.ndarray]:
    """The hum of this frequency that fits best: the sum of squares that it leaves; its weights."""
    waves = _waves(samples * LOW / SAMPLE_RATE, hertz, harmonics)
    ridge = 1e-6 * len(samples) * np.eye(2 * harmonics)
    weights = np.linalg.solve(waves.T @ waves + ridge, waves.T @ wanted)
    rest = wanted - waves @ weights
    return float(rest @ rest), weights


def _waves(seconds: np.ndarray, hertz: float, harmonics: int) -> np.ndarray:
    """Cosines and sines of the harmonics at these times: float64 [T, 2 * harmonics]."""
    first = np.exp(2j * np.pi * hertz * seconds)
    waves = np.cumprod(np.repeat(first[:, None], harmonics, 1), 1)
    return np.concatenate([waves.real, waves.imag], 1)
