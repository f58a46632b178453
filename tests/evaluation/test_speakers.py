"""The semantic test by voice and by engine."""

import numpy as np
import pytest

from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.evaluation.semantic import CHANCE
from wordbrush.evaluation.speakers import by_engine, semantic_by_voice

VOCABULARY = Vocabulary(
    {"color": ("red", "blue"), "size": ("small",)},
    {"red": ("red",), "blue": ("blue",), "small": ("small", "tiny")},
)
PAIRS = {
    "red": np.array([[0, 1]]), "blue": np.array([[1, 0], [1, 2]]), "small": np.array([[2, 0]]),
}  # fmt: skip


def test_each_voice_has_its_own_numbers():
    words = [
        {"word": word, "attribute": attribute, "value": value, "voice": voice}
        for voice in ("en", "flite/slt")
        for attribute, values in VOCABULARY.attributes.items()
        for value in values
        for word in VOCABULARY.synonyms[value]
    ]
    scores = np.zeros((3, 8))  # of the second voice, all pictures alike
    scores[:, :4] = [[1, 0, 0, 3], [0, 1, 0, 0], [0, 2, 1, 1]]  # red, blue, small, tiny
    results = semantic_by_voice(scores, PAIRS, words, VOCABULARY)
    assert results["en"] == {"color": 75.0, "size": 50.0, "mean": 62.5}  # blue: one of two
    assert set(results["flite/slt"].values()) == {100 * CHANCE}


def test_engines_are_means_over_voices_with_intervals():
    voices = {
        f"flite/{name}": {"mean": value}
        for name, value in zip("abcd", (50, 60, 70, 80), strict=True)
    }
    engines = by_engine({"en+f3": {"mean": 90.0}, **voices}, resamples=200, seed=1)
    assert engines["espeak-ng"] == {"mean": {"value": 90.0, "low": 90.0, "high": 90.0}}
    flite = engines["flite"]["mean"]
    assert flite["value"] == 65 and 50 <= flite["low"] < 62 and 68 < flite["high"] <= 80
    assert flite["low"] == pytest.approx(65 - 10, abs=5)
