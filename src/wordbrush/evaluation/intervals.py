"""95 % intervals by the bootstrap."""

import numpy as np


def bootstrap(outcomes: np.ndarray, statistic, resamples: int, seed: int) -> list[float]:
    """[low, high]: the middle 95 % of `statistic` (over axis 1) of resampled outcomes [N]."""
    picked = np.random.default_rng(seed).integers(0, len(outcomes), (resamples, len(outcomes)))
    values = statistic(np.asarray(outcomes)[picked])
    return [round(float(value), 2) for value in np.percentile(values, [2.5, 97.5])]


def percent(outcomes: np.ndarray) -> np.ndarray:
    """Mean over the last axis, in percent."""
    return 100 * outcomes.mean(-1)
