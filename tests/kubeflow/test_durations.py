"""Durations, as people read them."""

import pytest

from wordbrush.kubeflow.durations import duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0.0 s"),
        (2.54, "2.5 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.7, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (3600 + 300, "1 h 05 min"),
        (2 * 86400, "2 d"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words
