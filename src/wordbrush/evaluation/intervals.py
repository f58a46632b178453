"""95 % intervals by the bootstrap."""

import numpy as np


def bootstrap(outcomes: np.ndarray, statistic, resamples: int, seed: int) -> dict[str, float]:
    """{low, high}: the middle 95 % of `statistic` (over axis 1) of resampled outcomes [N]."""
    picked = np.random.default_rng(seed).integers(0, len(outcomes), (resamples, len(outcomes)))
    values = statistic(np.asarray(outcomes)[picked])
    low, high = np.percentile(values, [2.5, 97.5])
    return {
        "low": round(float(low), 2),
        "high": round(float(high), 2),
    }  # names, since dvc shows no lists


def percent(outcomes: np.ndarray) -> np.ndarray:
    """Mean over the last axis, in percent."""
    return 100 * outcomes.mean(-1)
