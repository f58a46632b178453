"""What `wordbrush measure` prints, on the finished run."""

import json
import shutil

import numpy as np
import pytest

from tests.workspace import Workspace
from wordbrush.data.splits import split_ranges
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.material import read_material as read_tests
from wordbrush.evaluation.results import Results
from wordbrush.evaluation.validation import measure_methods, read_validation
from wordbrush.storage.files import read_json


def test_choices_see_nothing_of_the_tests(finished, tiny, tmp_path):
    keep = tmp_path / "keep"
    seen, tested = (
        read_validation(tiny, finished.layout, keep, tmp_path / "words"),
        read_tests(tiny, finished.layout),
    )
    assert seen.samples.tolist() == list(split_ranges(tiny.samples)["validation"])
    assert len(seen.words.images) == len(tested.words.images) and not np.array_equal(
        seen.words.images, tested.words.images
    )
    assert {word["voice"] for word in seen.words.words} <= set(tiny.captions.voices)
    assert {word["voice"] for word in tested.words.words} == set(tiny.captions.held_out_voices)
    assert seen.real is None
    assert {case["on"] for case in seen.cases.cases} == {"drawings"}
    assert {line["voice"] for line in seen.cases.lines} <= set(tiny.captions.voices)
    again = read_validation(tiny, finished.layout, keep, tmp_path / "words")
    assert (
        np.array_equal(again.words.images, seen.words.images)
        and len([path for path in keep.iterdir() if path.is_dir()]) == 1
    )
    assert all(
        np.array_equal(again.words.pairs[value], pairs) for value, pairs in seen.words.pairs.items()
    )


def test_the_verb_prints_every_method_of_a_mining(finished, tiny):
    numbers = json.loads(finished.run("wordbrush", "measure", "--mining", "random").stdout)
    results = read_json(finished.layout.metrics("evaluation"), Results)
    assert list(numbers) == ["davenet", "random_edits", "targeted_edits"]
    for name, one in numbers.items():
        assert set(one) == set(results[name]) - {"real_images", "validation"}
        assert one["recall"] == results[name]["validation"]["recall"]
        assert (one["edit_success"] is None) == (results[name]["edit_success"] is None)
        assert 0 <= one["recall"]["1"] <= one["recall"]["10"] <= 100


def test_on_the_tests_it_says_what_evaluate_says(finished, tiny):
    results = read_json(finished.layout.metrics("evaluation"), Results)
    for name, one in measure_methods(tiny, finished.layout, "hard", "tests", finished.root).items():
        assert one == {key: value for key, value in results[name].items() if key != "validation"}


def test_another_mining_is_measured_under_its_own_name(finished, tiny, tmp_path):
    workspace = Workspace(tmp_path / "work")
    shutil.copytree(finished.root, workspace.root)
    (workspace.root / "data/encoders/pretrain/hard").rename(
        workspace.root / "data/encoders/pretrain/semi-hard"
    )
    assert list(
        measure_methods(tiny, workspace.layout, "semi-hard", "validation", tmp_path / "keep")
    ) == ["semi_hard_negatives"]


def test_encoders_that_are_not_there_are_named(tiny, finished, tmp_path):
    for name in ("samples", "generator", "segmenter", "annotations", "features"):
        (tmp_path / "data").mkdir(exist_ok=True)
        (tmp_path / "data" / name).symlink_to(finished.root / "data" / name)
    with pytest.raises(WordbrushError, match="data/encoders/pretrain/hard is missing"):
        measure_methods(tiny, Workspace(tmp_path).layout, "hard", "validation", tmp_path / "keep")
