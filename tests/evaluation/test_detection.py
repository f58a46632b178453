"""Words on the time axis, and what units detect, on cases small enough to count by hand."""

import numpy as np
import pytest
import torch

from wordbrush.captions.grammar import VOCABULARY
from wordbrush.davenet.encoded import valid_frames
from wordbrush.evaluation.detection import (
    active_frames,
    detect_values,
    detect_words,
    f1_over_voices,
    label_agreement,
    most_active,
    ranked,
    value_masks,
)
from wordbrush.evaluation.spoken import Spoken, align
from wordbrush.scenes.masks import attribute_masks
from wordbrush.scenes.world import ATTRIBUTES

VALUES, MEANING = VOCABULARY.values, VOCABULARY.meaning


def word(text: str, start: float, end: float) -> dict:
    return {"word": text, "start": start, "end": end}


@pytest.fixture
def spoken() -> Spoken:
    """'red ball' in frames 0–1 and 2–3 of five; 'ball' in frames 1–2 of three."""
    return align(
        [[word("red", 0.0, 0.2), word("ball", 0.2, 0.4)], [word("ball", 0.1, 0.3)]],
        torch.tensor([5, 3]),
        0.1,
    )


def test_words_lie_on_the_frames_whose_middle_they_hold(spoken):
    assert spoken.labels == ["ball", "red"] and spoken.occurrences.tolist() == [2, 1]
    assert [spoken.caption.tolist(), spoken.label.tolist()] == [[0, 0, 1], [1, 0, 0]]
    assert [spoken.first.tolist(), spoken.stop.tolist()] == [[0, 2, 1], [2, 4, 3]]


def test_short_words_have_the_nearest_frame_and_cut_ones_none():
    captions = [
        [
            word("a", 0.11, 0.15),
            word("red", 0.16, 0.19),
            word("ball", 0.25, 0.9),
            word("is", 0.9, 1.2),
        ]
    ]
    short = align(captions, torch.tensor([6]), 0.1)
    assert [short.labels[label] for label in short.label] == ["a", "red", "ball"]
    assert list(zip(short.first.tolist(), short.stop.tolist(), strict=True)) == [
        (1, 2),
        (2, 3),
        (3, 6),
    ]


def test_words_become_the_values_that_they_mean(spoken):
    values = spoken.as_values(MEANING, VALUES)
    assert [VALUES[label] for label in values.label] == ["red", "sphere", "sphere"]
    assert values.first.tolist() == spoken.first.tolist()
    nothing = align([[word("there", 0.0, 0.3)]], torch.tensor([4]), 0.1).as_values(MEANING, VALUES)
    assert len(nothing) == 0 and nothing.occurrences.tolist() == [0] * len(VALUES)


def test_sums_are_over_the_frames_of_each_word(spoken):
    values = torch.arange(10.0).view(2, 5, 1)
    assert spoken.sums(values).flatten().tolist() == [0 + 1, 2 + 3, 6 + 7]


def test_precision_is_of_frames_and_recall_of_occurrences(spoken):
    active = torch.zeros(2, 5, 2, dtype=torch.bool)
    active[0, [0, 2, 3], 0] = True  # once in 'red', twice in 'ball'
    active[0, 4, 0] = True  # and once in silence
    active[1, 1, 1] = True  # the second unit: once, in the other 'ball'
    found = detect_words(active, spoken)
    assert found.precision.tolist() == [[0.5, 1.0], [0.25, 0.0]]  # ball, red
    assert found.recall.tolist() == [[0.5, 0.5], [1.0, 0.0]]
    first, second = ranked(found)
    assert [first["unit"], second["unit"]] == [1, 0]
    assert first["hypotheses"][0] == {
        "label": "ball",
        "f1": 66.67,
        "precision": 100.0,
        "recall": 50.0,
        "occurrences": 2,
    }
    assert [one["label"] for one in second["hypotheses"]] == ["ball", "red"]
    assert second["hypotheses"][1]["f1"] == 40.0


def test_frames_behind_the_end_are_never_active():
    features = torch.tensor([[1.0, 5, 9], [2, 3, 4]])[..., None]
    active = active_frames(features, valid_frames(torch.tensor([2, 3]), 3), 0.4)
    assert active[..., 0].tolist() == [[False, True, False], [False, False, True]]


def test_a_unit_that_never_fires_is_never_on():
    features = torch.tensor([[0.0, 0, 7], [0, 0, 7], [0, 3, 7], [0, 0, 8]])
    assert most_active(features, 0.5).int().tolist() == [[0, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_cells_count_as_far_as_a_value_covers_them():
    instances = np.zeros((4, 4), np.uint8)
    instances[:2, :2], instances[2:, 2:] = 1, 2
    instances[1, 1] = 0
    things = [
        {"shape": "cube", "material": "metal", "color": "red", "size": "small"},
        {"shape": "cube", "material": "metal", "color": "blue", "size": "large"},
    ]
    planes = attribute_masks(instances, things)[None]
    assert value_masks(planes, ATTRIBUTES)[0].sum((1, 2))[
        [VALUES.index(name) for name in ("cube", "red", "gray")]
    ].tolist() == [7, 3, 0]
    # cells of a 2×2 grid, two units
    active = torch.tensor([[1, 0], [1, 0], [0, 0], [0, 1]], dtype=torch.bool)
    found = detect_values(active, planes, (2, 2), ATTRIBUTES)
    at = {name: VALUES.index(name) for name in ("cube", "red", "blue", "gray")}
    assert found.precision[at["red"]].tolist() == [0.375, 0.0] and found.recall[
        at["red"]
    ].tolist() == [1.0, 0.0]
    assert found.precision[at["blue"]].tolist() == [0.0, 1.0] and found.recall[
        at["blue"]
    ].tolist() == [0.0, 1.0]
    assert found.recall[at["cube"]].tolist() == pytest.approx([3 / 7, 4 / 7])
    assert found.occurrences[at["blue"]] == 1 and found.f1[at["gray"]].tolist() == [0.0, 0.0]


def test_agreement_of_eye_and_ear_with_its_chance():
    assert label_agreement(["red", "blue"], ["red", "red"]) == (50.0, 50.0)
    assert label_agreement(["red", "blue", "cube", "cube"], ["red", "blue", "cube", "cube"]) == (
        100.0,
        37.5,
    )


def test_the_mean_f1_of_the_best_units_is_over_captions_and_its_interval_over_voices(spoken):
    active = torch.zeros(2, 5, 2, dtype=torch.bool)
    active[0, 0:2, 0] = True  # the first unit is on in "red" alone, the second in the first "ball"
    active[0, 2:4, 1] = True
    found = detect_words(active, spoken)
    assert found.f1.amax(1).tolist() == pytest.approx([2 / 3, 1])
    both = f1_over_voices(active, spoken, torch.tensor([0, 1]), [0, 1], 200, seed=1)
    assert both["value"] == 83.33
    # the first voice alone knows both words; the second one says "ball", which no unit detects
    assert both["low"] == 0 and both["high"] == 100
    for labels, value in (([0, 1], 83.33), ([1], 100.0), ([], 0.0)):
        one = f1_over_voices(active, spoken, torch.tensor([0, 0]), labels, 20, seed=1)
        assert one == {"value": value, "low": value, "high": value}
