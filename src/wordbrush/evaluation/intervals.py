"""95 % intervals by scipy's percentile bootstrap (Efron & Tibshirani 1993, ch. 13)."""

from collections.abc import Callable, Sequence

import numpy as np

from wordbrush.errors import optional_packages
from wordbrush.evaluation.results import Estimate, Interval

LEVEL = 0.95


Statistic = Callable[..., np.ndarray]  # of columns [..., N], along the argument `axis`


def estimate(value: float, interval: Interval) -> Estimate:
    """A number, to two decimals, with its interval."""
    return {"value": round(value, 2), **interval}


def bootstrap(outcomes: np.ndarray, statistic: Statistic, resamples: int, seed: int) -> Interval:
    """{low, high}: the middle 95 % of `statistic` over resampled outcomes, to two decimals.

    outcomes: [N], or [K, N] for K numbers of each case; a case is drawn with all its numbers, which
    `statistic` takes as K arguments. A single case has no spread: low and high are its own value.
    Raises ValueError where there is no case.
    """
    columns = tuple(np.atleast_2d(outcomes))
    return _interval(columns, statistic, resamples, seed, paired=len(columns) > 1)


def bootstrap_groups(groups: Sequence[np.ndarray], resamples: int, seed: int) -> Interval:
    """{low, high} of the mean of the groups' means, in percent.

    groups: G arrays of outcomes between 0 and 1. Each group is resampled by itself, so that it
    counts as much in every resample as in the mean, however many cases it has (stratified
    bootstrap, Davison & Hinkley 1997, §3.2). Raises ValueError where a group has no case.
    """
    return _interval(tuple(groups), _percent_of_groups, resamples, seed, paired=False)


def _interval(
    samples: tuple[np.ndarray, ...],
    statistic: Statistic,
    resamples: int,
    seed: int,
    paired: bool,
) -> Interval:
    if not samples or not all(map(len, samples)):
        raise ValueError("there are no outcomes to resample")
    # Resampling two of the same gives what one case gives, which scipy refuses.
    samples = tuple(np.repeat(each, 2) if len(each) == 1 else each for each in samples)
    with optional_packages():
        from scipy import stats
    low, high = stats.bootstrap(
        samples,
        statistic,
        n_resamples=resamples,
        vectorized=True,
        paired=paired,
        axis=-1,
        confidence_level=LEVEL,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    # Names rather than a pair, since `dvc metrics` shows no lists.
    return {"low": round(float(low), 2), "high": round(float(high), 2)}


def _percent_of_groups(*groups: np.ndarray, axis: int = -1) -> np.ndarray:
    return 100 * np.mean([group.mean(axis) for group in groups], axis=0)


def percent(outcomes: np.ndarray, axis: int = -1) -> np.ndarray:
    """The mean of outcomes between 0 and 1, in percent."""
    return 100 * outcomes.mean(axis)


def percent_of(hits: np.ndarray, trials: np.ndarray, axis: int = -1) -> np.ndarray:
    """All hits among all trials, in percent, where each case has several trials."""
    return 100 * hits.sum(axis) / trials.sum(axis)
