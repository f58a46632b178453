"""95 % intervals by scipy's percentile bootstrap (Efron & Tibshirani 1993, ch. 13)."""

from collections.abc import Callable

import numpy as np

from wordbrush.errors import optional_packages

LEVEL = 0.95


Statistic = Callable[..., np.ndarray]  # of columns [..., N], along the argument `axis`


def bootstrap(
    outcomes: np.ndarray, statistic: Statistic, resamples: int, seed: int
) -> dict[str, float]:
    """{low, high}: the middle 95 % of `statistic` over resampled outcomes, to two decimals.

    outcomes: [N], or [K, N] for K numbers of each case; a case is drawn with all its numbers, which
    `statistic` takes as K arguments. A single case has no spread: low and high are its own value.
    Raises ValueError where there is no case.
    """
    columns = tuple(np.atleast_2d(outcomes))
    cases = len(columns[0])
    if cases == 0:
        raise ValueError("there are no outcomes to resample")
    if cases == 1:
        low = high = statistic(*columns, axis=-1)
    else:
        with optional_packages():
            from scipy import stats
        low, high = stats.bootstrap(
            columns,
            statistic,
            n_resamples=resamples,
            vectorized=True,
            paired=len(columns) > 1,
            axis=-1,
            confidence_level=LEVEL,
            method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
    # Names rather than a pair, since `dvc metrics` shows no lists.
    return {"low": round(float(low), 2), "high": round(float(high), 2)}


def percent(outcomes: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean of outcomes between 0 and 1, in percent."""
    return 100 * outcomes.mean(axis)


def percent_of(hits: np.ndarray, trials: np.ndarray, axis: int = -1) -> np.ndarray:
    """All hits among all trials, in percent, where each case has several trials."""
    return 100 * hits.sum(axis) / trials.sum(axis)
