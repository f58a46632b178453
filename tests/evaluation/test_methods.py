"""Methods follow from the encoders that exist; the best is chosen on validation samples."""

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.evaluation.methods import EDITS, MININGS, Method, find_methods, method_named
from wordbrush.evaluation.paper import FULL, PAPER
from wordbrush.evaluation.results import best_method
from wordbrush.storage.layout import Layout

RANDOM_AND_HARD = [Method(stage, mining) for mining in ("random", "hard") for stage in EDITS]


def result(test: float, validation: float) -> dict:
    recall = {"1": 0.0, "5": 0.0}
    return {
        "recall": {**recall, "10": test},
        "validation": {"recall": {**recall, "10": validation}},
    }


def test_the_paper_s_six_methods_are_named_and_titled():
    assert [method.name for method in RANDOM_AND_HARD] == list(PAPER)
    assert [method.title for method in RANDOM_AND_HARD] == [
        "DaveNet",
        "Random edits",
        "Targeted edits",
        "Hard negatives",
        "Hard negatives + random edits",
        "Hard negatives + targeted edits",
    ]
    assert method_named(FULL) == Method("targeted-edits", "hard")


def test_names_are_unique_and_lead_back():
    every = [Method(stage, mining) for mining in MININGS for stage in EDITS]
    assert [method_named(method.name) for method in every] == every
    with pytest.raises(WordbrushError, match="no method 'best'"):
        method_named("best")


def test_methods_are_those_whose_encoders_are_there(tmp_path):
    layout = Layout(tmp_path)
    for stage, mining in (("random-edits", "random"), ("pretrain", "hard"), ("pretrain", "random")):
        layout.encoders(stage, mining).mkdir(parents=True)
    assert list(find_methods(layout, ["random"])) == ["davenet", "random_edits"]
    assert list(find_methods(layout, ["random", "hard"])) == [
        "davenet",
        "random_edits",
        "hard_negatives",
    ]
    with pytest.raises(WordbrushError, match="pretrain/semi-hard is missing"):
        find_methods(layout, ["semi-hard"])


def test_the_best_method_is_chosen_on_validation():
    results = {"davenet": result(90.0, 10.0), "random_edits": result(20.0, 60.0)}
    assert best_method(results) == "random_edits"
    assert best_method({**results, "targeted_edits": result(99.0, 60.0)}) == "random_edits"


def test_results_without_validation_choose_nothing():
    results = {"davenet": {"recall": {"1": 1.0, "5": 2.0, "10": 3.0}}}
    with pytest.raises(WordbrushError, match="davenet have no validation scores"):
        best_method(results)
