"""speak-edits: what stands beside drawings is certain, and its caption is not true of them."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tests.speech import ESPEAK_ALONE
from wordbrush import params as parameters
from wordbrush.captions.wording import facts_in
from wordbrush.data.recordings import read_shards
from wordbrush.data.twins import TwinPairs, read_twins
from wordbrush.editing.twins import Change
from wordbrush.errors import WordbrushError
from wordbrush.params import Params
from wordbrush.report.grounding_pages import Finished
from wordbrush.report.stage_pages import SECTIONS
from wordbrush.segmenter.annotations import read_annotations, write_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.stages import sample_images, speak_edits
from wordbrush.storage.files import open_array, read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.training.compute import device

KEPT = Path(__file__).resolve().parents[2] / "models/small"
TRAINED = 20
CHANGES = {
    "samples": {"train": TRAINED, "validation": 4, "test": 4, "semantic": 4, "min_certainty": 0.9},
    "captions": {**ESPEAK_ALONE, "lines_per_process": 4},
    "davenet": {"batch_size": 6},
    "twins": {"kind": "edited", "drawings": 12, "each": 3, "tries": 1, "pairs_a_batch": 2},
}


def changed(kind: str) -> Params:
    changes = merge(CHANGES, {"twins": {"kind": kind}})
    return parameters.parse(merge(read_yaml(KEPT / "params.yaml"), changes), kind)


def spoken(drawn: Layout, root: Path, kind: str) -> Layout:
    """The stage, on what the kept GAN drew."""
    (root / "data").mkdir(parents=True)
    for part in (drawn.root / "data").iterdir():
        (root / "data" / part.name).symlink_to(part)
    speak_edits.run(changed(kind), Layout(root))
    return Layout(root)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Layout:
    """Drawings of the kept GAN, and what the segmenter reads in them."""
    layout = Layout(tmp_path_factory.mktemp("drawn"))
    (layout.root / "data").mkdir()
    for part in ("generator", "segmenter"):
        (layout.root / "data" / part).symlink_to(KEPT / part)
    sample_images.run(changed("none"), layout)
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    write_annotations(layout.annotations, parse(load_segmenter(layout.segmenter, device()), images))
    return layout


@pytest.fixture(scope="module")
def edited(drawn, tmp_path_factory) -> Layout:
    return spoken(drawn, tmp_path_factory.mktemp("edited"), "edited")


@pytest.fixture(scope="module")
def plain(drawn, tmp_path_factory) -> Layout:
    return spoken(drawn, tmp_path_factory.mktemp("plain"), "plain")


def twins_of(layout: Layout) -> TwinPairs:
    """What training reads; a picture of another split would be refused."""
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    return read_twins(layout.twins, images, np.arange(TRAINED))


def read_by_segmenter(layout: Layout) -> list[list[dict]]:
    return parse(load_segmenter(layout.segmenter, device()), twins_of(layout).images)


def test_a_twin_s_caption_tells_what_it_shows_and_is_not_true_of_its_drawing(edited):
    twins, before = twins_of(edited), read_annotations(edited.annotations)
    said = [facts_in(row["text"]) for row in read_shards(edited.twin_speech)]
    shown = read_by_segmenter(edited)
    assert len(said) == len(shown) == len(twins) >= 4
    for facts, objects, drawing in zip(said, shown, twins.drawings, strict=True):
        assert facts.true_of(objects) and not facts.true_of(before[drawing])


def test_only_certain_edits_are_kept_with_their_certainty(edited):
    before = read_annotations(edited.annotations)
    twins, shown = twins_of(edited), read_by_segmenter(edited)
    for objects, drawing, certainty in zip(shown, twins.drawings, twins.certainty, strict=True):
        least = min(one["certainty"] for one in (*objects, *before[drawing]))
        assert certainty == pytest.approx(least, abs=1e-3) and least >= 0.9
        assert all(one["confidence"] >= 0.5 for one in objects)


def test_twins_of_a_drawing_are_few_and_tell_different_things(edited):
    texts = [row["text"] for row in read_shards(edited.twin_speech)]
    twins = twins_of(edited)
    for drawing in set(twins.drawings):
        rows = np.flatnonzero(twins.drawings == drawing)
        assert len(rows) <= 3 and len({facts_in(texts[row]) for row in rows}) == len(rows)


def test_the_control_has_as_many_captions_of_as_many_objects_and_no_edit(edited, plain):
    edits, others = twins_of(edited), twins_of(plain)
    assert (edits.drawings == others.drawings).all()
    counts = [[len(one) for one in read_by_segmenter(each)] for each in (edited, plain)]
    assert counts[0] == counts[1]
    texts = [[row["text"] for row in read_shards(each.twin_speech)] for each in (edited, plain)]
    assert len(texts[0]) == len(texts[1]) == len(others)
    for text, objects in zip(texts[1], read_by_segmenter(plain), strict=True):
        assert facts_in(text).true_of(objects)
    drawn = open_array(plain.samples / "images.npy", "uint8", (None, None, None, 3))
    assert not any((drawn == one).all((1, 2, 3)).any() for one in others.images)


def test_one_worker_writes_the_same_bytes_as_many(drawn, edited, tmp_path, monkeypatch):
    monkeypatch.setattr("wordbrush.training.workers.usable_cores", lambda: 1)
    again = spoken(drawn, tmp_path, "edited")
    for folder in (edited.twins, edited.twin_speech):
        files = [one.relative_to(edited.root) for one in folder.rglob("*") if one.is_file()]
        assert files
        for file in files:
            assert (edited.root / file).read_bytes() == (again.root / file).read_bytes(), file


def test_the_page_shows_drawings_beside_their_twins(edited):
    first, numbers = SECTIONS["speak-edits"](Finished("speak-edits", "", edited, lambda _: {}))
    assert all(len(one.pictures) == 2 and one.sounds for one in first.examples)
    told = read_json(edited.metrics("twins"), dict[str, float])
    kinds = (told[name] for name in get_args(Change))
    assert told["captions"] == sum(kinds) == len(twins_of(edited))
    assert [row[1] for row in numbers.table[1:4]] == [
        f"{told[name]:g}" for name in ("tried", "drawings", "captions")
    ]


def test_other_drawings_are_not_counted_as_edits(plain):
    told = read_json(plain.metrics("twins"), dict[str, float])
    assert told["captions"] == len(twins_of(plain)) and not told.keys() & {*get_args(Change)}
    _, numbers = SECTIONS["speak-edits"](Finished("speak-edits", "", plain, lambda _: {}))
    assert f"{told['captions']:g}" in [row[1] for row in numbers.table]


def test_without_twins_there_is_an_empty_table_and_a_page_that_says_so(drawn, tmp_path):
    layout = spoken(drawn, tmp_path, "none")
    assert read_shards(layout.twin_speech) == []
    (section,) = SECTIONS["speak-edits"](Finished("speak-edits", "", layout, lambda _: {}))
    assert "twins.kind is none" in section.text
    with pytest.raises(WordbrushError, match="has no twins"):
        twins_of(layout)


@pytest.mark.parametrize("kind", ["edited", "plain"])
def test_too_few_certain_edits_are_one_sentence(drawn, kind):
    params = changed(kind)
    strict = params.twins.model_copy(update={"min_certainty": 1.0})
    with pytest.raises(WordbrushError, match=r"0 drawings have certain edits, .* for 2: raise"):
        speak_edits.run(params.model_copy(update={"twins": strict}), drawn)
    assert not drawn.twins.exists()
