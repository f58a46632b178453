"""Ablations train for a part of the steps: of all that a training counts in steps."""

import pytest
from experiments.runs import shortened

from tests.conftest import ROOT
from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.params import Schedule


@pytest.fixture
def schedule(tmp_path) -> Schedule:
    path = tmp_path / "params.yaml"
    path.write_bytes((ROOT / "params.yaml").read_bytes())
    presets.change(path, presets.read_preset("small", path, ROOT / "presets"))
    return parameters.load(path).schedule


def test_an_ablation_has_a_quarter_of_all_steps_of_pretraining(schedule):
    whole, short = schedule.pretrain, shortened(schedule)["pretrain"]
    assert whole.locked_steps and whole.ramp_steps
    assert short == {
        "steps": whole.steps // 4,
        "warmup_steps": whole.warmup_steps // 4,
        "ramp_steps": whole.ramp_steps // 4,
        "locked_steps": whole.locked_steps // 4,
        "context_steps": whole.context_steps // 4,
    }


def test_an_ablation_has_half_of_the_steps_with_edits_and_one_or_more(schedule):
    assert shortened(schedule)["random_edits"]["steps"] == schedule.random_edits.steps // 2
    once = schedule.random_edits.model_copy(update={"steps": 1})
    short = shortened(schedule.model_copy(update={"random_edits": once}))
    assert short["random_edits"]["steps"] == 1
