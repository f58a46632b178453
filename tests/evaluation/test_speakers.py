"""The semantic test by voice and by engine."""

import numpy as np
import pytest
import torch

from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.evaluation.semantic import CHANCE
from wordbrush.evaluation.speakers import (
    by_engine,
    hits_over_voices,
    recall_by_voice,
    semantic_by_voice,
)

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


def test_an_attribute_without_a_pair_is_at_chance():
    words = [{"word": "red", "attribute": "color", "value": "red", "voice": "en"}]
    none = {value: np.empty((0, 2), int) for value in PAIRS}
    results = semantic_by_voice(np.zeros((3, 1)), none, words, VOCABULARY)
    assert set(results["en"].values()) == {100 * CHANCE}


def test_captions_look_for_their_picture_by_voice():
    scores = torch.tensor([[3.0, 1, 1], [2, 2, 0], [1, 3, 2]])  # pictures by captions
    found = recall_by_voice(scores, [0, 1, 1], ["en", "flite/slt", "flite/slt"])
    assert found["en"] == {"1": 100.0, "5": 100.0, "10": 100.0}
    assert found["flite/slt"] == {"1": 0.0, "5": 100.0, "10": 100.0}


def test_hits_are_means_over_voices():
    voice, chance = torch.tensor([0, 0, 0, 2]), torch.full((4,), 0.25)
    hits = torch.tensor([True, True, False, False])
    mean = hits_over_voices(voice, hits, chance, 100, seed=1)
    assert mean["value"] == 33.33 and mean["chance"] == 25  # of 66.7 and 0
    assert (mean["low"], mean["high"]) == (0, 66.67)
    assert hits_over_voices(voice[:0], hits[:0], chance[:0], 100, seed=1) is None
