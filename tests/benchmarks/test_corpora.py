"""Generated sources of published shapes, and what is said of all from two samples."""

import numpy as np
import pytest
import soundfile
from PIL import Image

from benchmarks.corpora.importing import Imported, whole
from benchmarks.corpora.shapes import SHAPES, write_lists, write_source
from benchmarks.corpora.watching import Watched
from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.readers.table import reader_of


@pytest.mark.parametrize(("name", "form"), [("spoken-coco", "coco"), ("places", "places")])
def test_lists_are_those_of_the_published_form(name, form, tmp_path):
    shape = SHAPES[name]
    write_lists(tmp_path, shape, 50)
    reader = reader_of(Source(tmp_path), None)
    rows = list(reader.read(Source(tmp_path)))
    assert reader.name == form and len(rows) == 50 * shape.captions
    assert {row.split for row in rows} == {"train", "val", "test"}
    assert len({row.id for row in rows}) == len(rows)


def test_sounds_and_pictures_have_the_lengths_and_sizes_of_their_shape(tmp_path):
    shape = SHAPES["places"]
    hours = write_source(tmp_path, shape, 7, seed=0)
    sounds = [soundfile.info(path).duration for path in tmp_path.glob("wavs/*.wav")]
    assert sum(sounds) / 3600 == pytest.approx(hours, rel=1e-3) and len(set(sounds)) == 7
    sizes = {Image.open(path).size for path in tmp_path.glob("images/*.jpg")}
    assert sizes == {(256, 256)}
    lengths = shape.lengths(20_000, np.random.default_rng(0))
    assert lengths.mean() == pytest.approx(10, rel=0.02)


def test_all_of_it_goes_on_as_the_larger_sample_grew():
    """Two seconds and a megabyte at the start; then 0.01 s, 100 bytes and 1 kB an utterance."""

    def sample(count: int) -> Imported:
        watched = Watched(own=1_000_000 + 100 * count, computed={1: 2 + 0.01 * count})
        return Imported(count, count / 900, {"data": watched}, {"source": 1000 * count})

    found = whole(SHAPES["places"], sample(100), sample(400))
    assert found["utterances_a_core_second"] == {"data": 100}
    assert found["core_hours"] == {"data": round(400_000 * 0.01 / 3600, 2)}
    assert found["bytes_of_memory_an_utterance"] == {"data": 100}
    assert found["megabytes_of_memory"] == {"data": 41} and found["gigabytes"] == {"source": 0.4}
    assert found["hours_of_sound"] == round(400_000 / 900)
