"""Concepts are read as they were written, or refused with one sentence."""

import json

import numpy as np
import pytest

from wordbrush.concepts.store import ConceptSet
from wordbrush.errors import WordbrushError

RECORD = {
    "units": [0],
    "gan_units": [2, 1],
    "agreement": [0.5, 0.1],
    "pictures": [{"sample": 3, "y": 0.5, "x": 0.25}],
    "sounds": [{"sample": 4, "start": 0.1, "end": 0.4}],
}


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    made = ConceptSet(
        rng.random((2, 3)).astype(np.float32),
        rng.random(3).astype(np.float32),
        np.stack([rng.permutation(4) for _ in range(2)]),
        [RECORD, RECORD],
    )
    made.save(tmp_path)
    return tmp_path, made


def test_what_is_read_is_what_was_written(folder):
    path, made = folder
    read = ConceptSet.load(path, pictures=4, captions=5)
    for name in ("members", "scale", "ranks"):
        one, other = getattr(read, name), getattr(made, name)
        assert np.array_equal(one, other) and one.dtype == other.dtype
    assert read.records == made.records


def test_examples_that_are_no_samples_are_refused(folder):
    with pytest.raises(WordbrushError, match=r"names the caption 4, but there are 4"):
        ConceptSet.load(folder[0], captions=4)
    with pytest.raises(WordbrushError, match=r"names the picture 3, but there are 3"):
        ConceptSet.load(folder[0], pictures=3)


def test_parts_that_do_not_fit_are_refused(folder):
    path, _ = folder
    np.save(path / "scale.npy", np.ones(2, np.float32))
    with pytest.raises(WordbrushError, match=r"scale\.npy holds"):
        ConceptSet.load(path)
    np.save(path / "scale.npy", np.ones(3, np.float32))
    (path / "clusters.json").write_text(json.dumps({"clusters": [RECORD]}))
    with pytest.raises(WordbrushError, match="1 records, 2 concepts"):
        ConceptSet.load(path)
