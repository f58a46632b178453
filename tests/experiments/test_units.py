"""Starts of codebooks: what is compared, and the table that is printed."""

import pytest
from experiments.figures import draw_layers
from experiments.trainings import asked_for, shortened
from experiments.units import HEADER, require_two, starts, steps_of, table_rows

from wordbrush.errors import WordbrushError
from wordbrush.params import Params, Quantiser


@pytest.fixture
def growing(tiny) -> Params:
    named = [Quantiser(layer=3, codes=4, from_step=4), Quantiser(layer=2, codes=8, from_step=2)]
    davenet = tiny.davenet.model_copy(update={"quantisers": named})
    return tiny.model_copy(update={"davenet": davenet})


def test_the_starts_of_the_paper(growing, tiny):
    found = {
        name: [(one.layer, one.codes, one.from_step) for one in quantisers]
        for name, quantisers in starts(growing).items()
    }
    assert found == {
        "none": [],
        "cold {2, 3}": [(2, 8, 0), (3, 4, 0)],
        "warm {2}": [(2, 8, 2)],
        "warm {3}": [(3, 4, 2)],
        "warm {2, 3}": [(2, 8, 2), (3, 4, 2)],
        "grown {2, 3}": [(2, 8, 2), (3, 4, 4)],
    }
    with pytest.raises(WordbrushError, match="quantisers is empty"):
        starts(tiny)


def test_a_chart_needs_two_starts_and_trials():
    for chosen, trials in ((["none"], 3), (["cold {2}", "warm {2}"], 3), (["none", "cold {2}"], 1)):
        with pytest.raises(WordbrushError, match="--figure compares 'none'"):
            require_two(chosen, trials)
    require_two(["none", "cold {2}"], 2)


def test_what_layers_hear_is_drawn(tmp_path):
    def units(error: float, code: float) -> dict:
        abx = {"value": error, "low": error - 1, "high": error + 1}
        book = {"abx": {**abx, "value": code}, "word_f1": 60 + code}
        layer = {"frame_ms": 20.0, "abx": abx}
        return {"features": dict(layer), "1": {**layer, "codebook": book}}

    trials = [units(5.0, 7.0), units(6.0, 9.0)]
    for name in ("a.svg", "b.svg"):
        draw_layers(tmp_path / name, trials, trials)
    drawn = (tmp_path / "a.svg").read_text()
    assert drawn == (tmp_path / "b.svg").read_text()
    for words in ("log-mels", "layer 1", "20 ms", "without codebooks", "mean F1 of words, %"):
        assert words in drawn


def test_a_start_that_is_asked_for_twice_is_trained_once(growing):
    """The same trials twice would halve the interval over them."""
    kinds = starts(growing)
    assert list(asked_for(kinds, ["warm {2}", "none", "warm {2}"])) == ["warm {2}", "none"]
    assert asked_for(kinds, None) == asked_for(kinds, []) == kinds
    with pytest.raises(WordbrushError, match=r"--only 'hot' is none of none, cold"):
        asked_for(kinds, ["none", "hot"])


def test_codebooks_that_begin_together_are_not_trained_twice(growing):
    together = [one.model_copy(update={"from_step": 2}) for one in growing.davenet.quantisers]
    davenet = growing.davenet.model_copy(update={"quantisers": together})
    assert "grown {2, 3}" not in starts(growing.model_copy(update={"davenet": davenet}))


def test_a_shorter_experiment_has_its_codebooks_earlier(growing):
    half = shortened(growing, 0.5)
    assert half.schedule.pretrain.steps == growing.schedule.pretrain.steps // 2
    assert [one.from_step for one in half.davenet.quantisers] == [2, 1]


def test_codebooks_begin_in_the_shortest_experiment_too(growing):
    """Rounded, the last step may be behind the end, and frames would never be quantised."""
    pretrain = growing.schedule.pretrain.model_copy(update={"steps": 2500, "locked_steps": 3000})
    schedule = growing.schedule.model_copy(update={"pretrain": pretrain})
    late = [one.model_copy(update={"from_step": 5499}) for one in growing.davenet.quantisers]
    davenet = growing.davenet.model_copy(update={"quantisers": late})
    few = shortened(growing.model_copy(update={"schedule": schedule, "davenet": davenet}), 0.001)
    assert all(one.from_step < steps_of(few) for one in few.davenet.quantisers)


def test_a_table_has_a_row_for_each_codebook():
    estimate = {"value": 9.87, "low": 9.0, "high": 11.0}
    codebook = {"perplexity": 5.4, "abx": estimate, "words": 25, "detected": 12, "word_f1": 48.21}
    units = {"1": {"abx": estimate}, "2": {"abx": estimate, "codebook": codebook}}
    measured = {"recall_10": 51.23, "units": units}
    (second,) = table_rows("grown", [measured], ["1", "2"])
    assert len(HEADER) == len(second)
    assert second == ["grown", "51.2", "2", "12.0 of 25", "48.2", "9.9", "9.9", "5.4"]
    (third,) = table_rows("grown", [measured, {**measured, "recall_10": 53.23}], ["1", "2"])
    assert third[1:4] == ["52.2 ± 12.7", "2", "12.0 ± 0.0 of 25"]


def test_without_codebooks_the_table_has_the_errors_of_their_layers():
    """Those with which the errors of other starts are compared."""
    units = {str(n): {"abx": {"value": 9.87 + n, "low": 9.0, "high": 15.0}} for n in range(4)}
    rows = table_rows("none", [{"recall_10": 51.23, "units": units}], ["2", "3"])
    assert rows == [
        ["none", "51.2", "2", "–", "–", "11.9", "–", "–"],
        ["none", "51.2", "3", "–", "–", "12.9", "–", "–"],
    ]
    without = {name: {"frame_ms": 20.0} for name in units}  # where the times of phones are unknown
    (row,) = table_rows("none", [{"recall_10": 51.23, "units": without}], ["2"])
    assert row == ["none", "51.2", "2", *["–"] * 5]
