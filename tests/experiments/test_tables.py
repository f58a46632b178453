"""The tables of experiments against known numbers, and what their commands refuse."""

import sys

import pytest
from experiments.__main__ import read_variants, without_duplicates_first
from experiments.edits import near_misses
from experiments.runs import Run
from experiments.tables import cell, gains

from tests.conftest import ROOT
from tests.workspace import Workspace
from wordbrush.evaluation.results import Results
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json


def test_near_misses_differ_in_one_attribute_of_one_object():
    red, blue = (
        {"shape": "cube", "material": "metal", "color": color, "size": "small"}
        for color in ("red", "blue")
    )
    ball = {**red, "shape": "sphere"}
    drawings = [[red], [blue], [ball], [red, ball], [red, red], [red]]
    pairs = {"color": 2, "shape": 2}  # of one object: red and blue, twice; red and ball, twice
    assert near_misses(drawings, 1) == {
        name: pytest.approx(2 * pairs.get(name, 0) / (4 * 5)) for name in ATTRIBUTES
    }
    assert near_misses(drawings, 2) == {
        name: pytest.approx((name == "shape") / 5) for name in ATTRIBUTES
    }
    assert near_misses(drawings, 3) == dict.fromkeys(ATTRIBUTES, 0)


def test_edits_of_nothing_are_refused():
    ran = Workspace(ROOT).run(sys.executable, "-m", "experiments.edits", "absent", check=False)
    assert ran.returncode == 2 and "results/absent/methods/0/params.yaml" in ran.stderr


def test_no_two_ablations_train_the_same_at_a_time():
    order = [
        part.name
        for part in without_duplicates_first(
            [Run("tiny", name, 0, variant) for name, variant in read_variants(None).items()]
        )
    ]
    assert order[0] == "committed" and len(set(order)) == len(read_variants(None))
    assert {"mining-random", "few", "renderer"} < set(order[:9]) and {
        "random-none",
        "few-none",
        "transplant",
    } < set(order[9:])


def test_an_unknown_ablation_is_named():
    ran = Workspace(ROOT).run(
        sys.executable, "-m", "experiments", "tiny", "--only", "edits-non", check=False
    )
    assert (
        ran.returncode == 2
        and "'edits-non' is unknown" in ran.stderr
        and "edits-none" in ran.stderr
    )


def test_one_trial_has_no_spread():
    ran = Workspace(ROOT).run(
        sys.executable, "-m", "experiments", "tiny", "--trials", "1", check=False
    )
    assert ran.returncode == 2 and "--trials 1 has no spread" in ran.stderr


def test_a_cell_is_a_mean_with_student_s_interval():
    assert cell([1.0, 2.0, 3.0]) == "2.0 ± 2.5"  # 4.303 · 1 / √3
    assert cell([1.0, 2.0, 3.0], 5.0, "+") == "+2.0 ± 2.5 (+5.0)"
    assert cell([None, None]) == "–"
    assert cell([1.0]) == "1.0"


def test_gains_are_paired_by_trial(finished):
    """If all methods of a trial differ by the same amount, the gains do not change."""
    trial = read_json(finished.layout.metrics("evaluation"), Results)
    other = {
        name: {**one, "semantic": {key: value + 7 for key, value in one["semantic"].items()}}
        for name, one in trial.items()
    }
    for row in gains([trial, other]):
        assert "± 0.0" in row[1]
