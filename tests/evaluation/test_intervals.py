"""Intervals, against numbers of an independent bootstrap: resample by hand, then np.percentile."""

import numpy as np
import pytest

from wordbrush.evaluation.intervals import (
    bootstrap,
    bootstrap_groups,
    estimate,
    percent,
    percent_of,
)

HITS = [int(hit) for hit in "0001101001111111000011011110011111011"]
PAIRED = [
    [3, 0, 2, 0, 1, 0, 0, 2, 2, 5, 1, 2, 3, 4, 0, 2, 0, 2, 0, 1, 0, 2, 1],  # hits
    [3, 1, 4, 5, 4, 1, 3, 2, 5, 5, 1, 3, 5, 5, 4, 4, 1, 4, 3, 1, 2, 3, 4],  # trials
]


@pytest.mark.parametrize("dtype", [float, np.float32, int])
def test_a_mean(dtype):
    assert bootstrap(np.array(HITS, dtype), percent, 1000, 3) == {"low": 45.95, "high": 75.68}


def test_a_ratio_of_paired_numbers():
    interval = bootstrap(np.array(PAIRED, float), percent_of, 500, 11)
    assert interval == {"low": 30.08, "high": 59.15}


@pytest.mark.parametrize(
    ("outcomes", "low", "high"),
    [([0.5], 50.0, 50.0), ([1.0, 0.0], 0.0, 100.0), ([1.0] * 50, 100.0, 100.0)],
)
def test_few_or_equal_outcomes(outcomes, low, high):
    assert bootstrap(np.array(outcomes), percent, 100, 0) == {"low": low, "high": high}


def test_a_single_case_of_paired_numbers():
    assert bootstrap(np.array([[1.0], [4.0]]), percent_of, 100, 0) == {"low": 25.0, "high": 25.0}


def test_groups_count_alike_however_many_cases_they_have():
    # 75 ± 1.96 * 100 * sqrt(0.25 / 400) / 2; the pooled cases would have 85.7
    interval = bootstrap_groups([np.ones(1000), np.arange(400) % 2], 4000, 0)
    assert interval["low"] == pytest.approx(72.55, abs=0.4)
    assert interval["high"] == pytest.approx(77.45, abs=0.4)


def test_a_group_of_one_case_does_not_vary():
    assert bootstrap_groups([np.ones(1), np.zeros(9)], 100, 0) == {"low": 50.0, "high": 50.0}


def test_no_outcomes_are_an_error():
    with pytest.raises(ValueError, match="no outcomes"):
        bootstrap_groups([np.ones(3), np.empty(0)], 100, 0)
    with pytest.raises(ValueError, match="no outcomes"):
        bootstrap(np.empty(0), percent, 100, 0)


def test_an_estimate_has_two_decimals_as_its_interval_has():
    found = estimate(59.4594, bootstrap(np.array(HITS), percent, 1000, 3))
    assert list(found.items()) == [("value", 59.46), ("low", 45.95), ("high", 75.68)]
