"""Drawings with the sounds of their objects as pairs, and mixed with captions; who takes which."""

import numpy as np
import pytest
import torch

from tests.stages.test_train_senses import SPLITS, changed
from tests.stages.test_train_senses import drawn as drawn  # the fixture
from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.senses.heads import HeadedEncoders
from wordbrush.senses.kinds import by_kind, first_for_captions, kinds, taken, taken_by_first
from wordbrush.senses.natural import NO_LANGUAGE, mixed, struck_pairs
from wordbrush.senses.reading import heard_objects
from wordbrush.senses.struck import frames_of as frames_of_drawing


@pytest.fixture(scope="module")
def pairs(drawn, tmp_path_factory) -> tuple[Pairs, Pairs, Pairs]:
    """Captions, impacts, and both."""
    folder, captions = tmp_path_factory.mktemp("pairs"), read_pairs(drawn)
    struck = struck_pairs(changed(), drawn, captions, folder / "impacts")
    return captions, struck, mixed(captions, struck, folder / "mixed")


def test_each_drawing_is_struck_once_and_in_its_split(drawn, pairs):
    captions, struck, _ = pairs
    assert struck.manifest.images.tolist() == captions.manifest.images.tolist()
    assert struck.manifest.splits.tolist() == captions.manifest.splits.tolist()
    assert set(struck.manifest.languages) == {NO_LANGUAGE}
    params, objects = changed(), heard_objects(changed(), drawn)
    last = len(struck.speech) - 1
    expected = frames_of_drawing(params.seed, captions.speech.config, (last, objects[last]))
    assert np.array_equal(struck.speech[last], expected.astype(np.float32))


def test_mixed_pairs_are_the_captions_and_then_the_impacts(pairs):
    captions, struck, both = pairs
    count = sum(SPLITS.values())
    assert len(both.speech) == len(both.manifest) == 2 * count
    for number in range(count):
        assert np.array_equal(both.speech[number], captions.speech[number])
        assert np.array_equal(both.speech[count + number], struck.speech[number])
    spoken, heard = by_kind(both, "test")
    assert (heard - spoken).tolist() == [count] * SPLITS["test"]
    assert both.manifest.positives(np.array([spoken[0], heard[0]])).all()


def test_kinds_are_told_by_the_head_that_takes_more():
    """Intervals hold the values."""
    captions, impacts = np.linspace(0.6, 1, 6), np.linspace(0, 0.4, 6)
    found = taken(captions, impacts, 50, 0)
    assert found["captions"]["value"] == 80.0 and found["impacts"]["value"] == 20.0
    assert found["apart"]["value"] == 60.0 and found["told"]["value"] == 100.0
    for one in found.values():
        assert one["low"] <= one["value"] <= one["high"]
    assert first_for_captions(captions, impacts) and not first_for_captions(impacts, captions)
    wrong = taken(impacts, captions, 50, 0)  # the other head on the test than on validation
    assert wrong["apart"]["value"] == -60.0 and wrong["told"]["value"] == 0.0
    alike = taken(impacts, impacts, 50, 0)
    assert alike["apart"]["value"] == 0.0 and alike["told"]["value"] == 50.0


def test_the_heads_of_encoders_are_asked_about_the_test(pairs):
    both = pairs[2]
    torch.manual_seed(0)
    config = EncoderConfig.of(changed().davenet, both.speech.config)
    encoders = HeadedEncoders(config, 2).train()
    with torch.no_grad():  # norms learn what is usual, so that no head is larger than the other
        for _ in range(30):
            encode_pairs(encoders, both, np.arange(len(both.manifest)))
    encoders.eval()
    found = kinds(encoders, both, 50, 0)
    shares = {
        split: [taken_by_first(encoders, both, some) for some in by_kind(both, split)]
        for split in ("validation", "test")
    }
    captions, impacts = (100 * float(one.mean()) for one in shares["test"])
    sign = 1 if first_for_captions(*shares["validation"]) else -1
    assert 0 < captions < 100
    assert found["apart"]["value"] == pytest.approx(sign * (captions - impacts), abs=0.05)
