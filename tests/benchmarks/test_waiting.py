"""What steps wait for data that no memory holds: the data, and the share."""

import numpy as np

from benchmarks.corpora import waiting
from benchmarks.corpora.shapes import SHAPES
from wordbrush.data.pairs import read_pairs
from wordbrush.params import parse
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge


def test_every_batch_has_pictures_of_its_own_and_the_wait_is_a_share(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(waiting, "STEPS", {"a card": 0.01})
    small = parse(merge(tiny.model_dump(), {"davenet": {"image_side": 20}}), "test")
    found = waiting.measure(tmp_path, SHAPES["places"], small, small, batches=2)
    assert list(found) == ["a card", "trained here"]
    for one in found.values():
        assert one["steps"] == 2 and 0 <= one["wait_percent"] <= 100
    pairs = read_pairs(Layout(tmp_path / "large"))
    size = small.davenet.batch_size
    assert len(pairs.speech) == len(pairs.images) >= (2 + waiting.WARM) * size
    assert pairs.wide is not None and not np.array_equal(pairs.wide[0], pairs.wide[1])
