"""How loud speech is from moment to moment: its level, its ends, and what is far louder.

Levels are those of frames of 10 ms after some pre-emphasis, so that rumble and thumps count less.
The level of the speech is a percentile of its frames, not the loudest: a door that slams hardly
moves it.
"""

from dataclasses import dataclass

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE

FRAME = SAMPLE_RATE // 100
EMPHASIS = 0.7  # of high frequencies, by what is subtracted of each sample before
STRONG = 0.97  # of speech in strong hum; consonants are then far above the level
LOUD = 75  # the percentile of the frames of speech that is its level
WINDOW_DB = 25.0  # below the level; these are the frames of speech that it is taken of
PERIODS = 6  # frames: three periods of 50 Hz, nearly four of 60 Hz
NOISE = 10  # the percentile of all frames that is the level of the noise, where there are pauses
ABOVE_NOISE_DB = 8.0  # frames of noise vary by less
QUIET_DB = 40.0  # below the level: the weakest ends of words
LIMIT_DB = 15.0  # above the level: captions by eight engines reach 14.3
LOUDEST = 5  # frames from the top, where the search for the level begins
ROUNDS = 20  # of that search, which takes three or four
CALM_DB = 6.0  # above the level: to where bangs are lowered
APART = 30  # frames between a bang and speech that it does not belong to
SHORTEST, LONGEST = 3, 80  # frames: what is shorter is a click, what is longer is no bang


@dataclass(frozen=True)
class Levels:
    """decibels: of each frame, float [T]. speech: the level of the speech. noise: of what is
    quietest, which is noise where there are pauses."""

    decibels: np.ndarray
    speech: float
    noise: float


def measured(sound: np.ndarray, emphasis: float = EMPHASIS) -> Levels:
    """Levels of a sound float32 [S] at 16 kHz that is not silent.

    The search for the level begins among the loudest frames and goes down: a bang has few frames
    within WINDOW_DB, so the speech below it outvotes it.
    """
    emphasised = np.append(sound[:1], sound[1:] - emphasis * sound[:-1])
    frames = np.pad(emphasised, (0, -len(sound) % FRAME)).reshape(-1, FRAME)
    power = (frames.astype(np.float64) ** 2).mean(1)
    decibels = 10 * np.log10(np.maximum(power, power.max() * 1e-12))
    noise = float(np.percentile(smoothed(decibels), NOISE))
    level = float(np.sort(decibels)[-LOUDEST:][0])
    for _ in range(ROUNDS):
        quietest = min(max(noise + ABOVE_NOISE_DB, level - WINDOW_DB), level)
        before, level = level, float(np.percentile(decibels[decibels >= quietest], LOUD))
        if level >= before:
            break
    return Levels(decibels, level, noise)


def smoothed(decibels: np.ndarray) -> np.ndarray:
    """The level of each frame and its neighbours: a frame is half a period of 50 Hz, so where there
    is hum, each second one may be quiet."""
    power = np.convolve(10 ** (decibels / 10), np.full(PERIODS, 1 / PERIODS), "same")
    return 10 * np.log10(power[: len(decibels)])


def speech_within(levels: Levels) -> tuple[int, int]:
    """The frames from which and to which something is said.

    Clicks do not count, nor does a bang that is 0.3 s or more from everything else.
    """
    noise = min(levels.noise, levels.speech - 2 * ABOVE_NOISE_DB)  # without pauses, it is speech
    quietest = max(levels.speech - QUIET_DB, noise + ABOVE_NOISE_DB)
    every = _runs(levels.decibels > quietest, APART)
    runs = [(first, stop) for first, stop in every if stop - first >= SHORTEST] or every

    def bang(first: int, stop: int) -> bool:
        loudest = levels.decibels[first:stop].max()
        return stop - first <= LONGEST and loudest > levels.speech + LIMIT_DB

    while len(runs) > 1 and bang(*runs[0]):
        del runs[0]
    while len(runs) > 1 and bang(*runs[-1]):
        del runs[-1]
    return runs[0][0], runs[-1][1]


def _runs(active: np.ndarray, apart: int) -> list[tuple[int, int]]:
    """From which and to which frames something is active; gaps of less than `apart` are closed."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active, [0]])))
    runs: list[tuple[int, int]] = []
    for first, stop in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] < apart:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((first, stop))
    return runs


def limited(sound: np.ndarray, levels: Levels) -> tuple[np.ndarray, float]:
    """The sound with its bangs lowered to CALM_DB above the speech; and their seconds.

    A bang has a frame above LIMIT_DB, and lasts while frames are above CALM_DB. The gain changes
    linearly between the middles of frames. A frame has the gain that its neighbours need, so that a
    sudden start is lowered too.
    """
    excess = np.maximum(levels.decibels - levels.speech - CALM_DB, 0)
    for first, stop in _runs(excess > 0, apart=1):
        if excess[first:stop].max() <= LIMIT_DB - CALM_DB:
            excess[first:stop] = 0
    if not excess.any():
        return sound, 0.0
    wide = np.lib.stride_tricks.sliding_window_view(np.pad(excess, 1), 3).max(1)
    middles = (np.arange(len(wide)) + 0.5) * FRAME
    gain = np.interp(np.arange(len(sound)), middles, 10 ** (-wide / 20))
    return (sound * gain).astype(np.float32), int(np.count_nonzero(excess)) * FRAME / SAMPLE_RATE
