"""Ranks, transferred classifiers, baselines and units that agree, where the truth is known."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from tests.senses.world import ATTRIBUTES, cases_of
from wordbrush.senses.alike import alike_units
from wordbrush.senses.config import SENSES
from wordbrush.senses.measures import Measures
from wordbrush.senses.names import cell, way
from wordbrush.senses.retrieval import median_ranks, ranks_of
from wordbrush.senses.zero_shot import (
    CHANCE,
    Labelled,
    accuracy,
    answers,
    classifiers,
    zero_shot,
)


def test_ranks_are_those_of_own_partners_and_ties_count_against_us():
    asked = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    found = np.array([[1.0, 0.1], [1.0, 0.2], [1.0, 0.9]])
    # by the cosine, [0, 1] finds the third first, then its own
    assert ranks_of(asked, found).tolist() == [1, 2, 1]
    assert ranks_of(asked, np.ones((3, 2))).tolist() == [3, 3, 3]


def test_unrelated_senses_find_each_other_by_chance():
    rng = np.random.default_rng(0)
    units = {sense: rng.normal(size=(400, 8)) for sense in SENSES}
    found = median_ranks(units, 200, 0)
    assert set(found) == {way(*two) for two in permutations(SENSES, 2)}
    assert all(one["low"] <= 200.5 <= one["high"] for one in found.values())
    two = median_ranks({"picture": units["picture"], "text": units["picture"]}, 50, 0)
    assert set(two) == {"picture to text", "text to picture"}
    assert all(one["value"] == 1 for one in two.values())


def test_classifiers_weigh_presence_and_absence_alike():
    rng = np.random.default_rng(0)
    things = rng.random((300, 2)) < [0.1, 0.6]
    units = np.hstack([things + 0.1 * rng.normal(size=things.shape), rng.normal(size=(300, 3))])
    told = answers(classifiers(units, things), units)
    assert (told == things).mean() > 0.99
    never = np.zeros((300, 1), bool)
    assert not answers(classifiers(units, never), units).any()
    # one that always says no is right of all absences and no presence
    found = accuracy(~things, things, 100, 0)
    assert found == {"value": CHANCE, "low": CHANCE, "high": CHANCE}
    assert accuracy(~never, never, 50, 0)["value"] == CHANCE
    assert accuracy(told == things, things, 100, 0)["low"] > 98


def test_a_shared_space_transfers_classifiers_and_others_do_not():
    rng = np.random.default_rng(1)
    things = rng.random((400, 4)) < 0.4
    turned, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    spaces = {
        "picture": things + 0.1 * rng.normal(size=things.shape),
        "sound": things + 0.1 * rng.normal(size=things.shape),
        "text": (things - 0.4) @ turned + 0.1 * rng.normal(size=things.shape),
    }
    half = slice(0, 200), slice(200, 400)
    learned, asked = (
        Labelled({sense: one[rows] for sense, one in spaces.items()}, things[rows]) for rows in half
    )
    found = zero_shot(learned, asked, {"first": [0, 1]}, 50, 0)
    assert len(found) == 9 and set(found[cell("picture", "text")]) == {"first", "mean"}
    assert found[cell("picture", "sound")]["mean"]["low"] > 90
    assert found[cell("text", "text")]["mean"]["low"] > 90
    assert found[cell("text", "picture")]["mean"]["value"] < 75


def test_baselines_hear_what_plain_features_tell(tiny, tmp_path):
    measures = Measures(cases_of(tiny, tmp_path, count=192), ATTRIBUTES, 50, 0)
    found = measures.baselines()
    chance = (len(measures.asked) + 1) / 2
    regression = found["linear regression"]
    assert len(regression["ranks"]) == 6 and len(regression["zero_shot"]) == 9
    assert regression["ranks"]["text to sound"]["high"] < chance
    for sense in ("text", "sound"):
        one = found[f"CCA, picture and {sense}"]
        assert set(one["ranks"]) == {way("picture", sense), way(sense, "picture")}
        assert len(one["zero_shot"]) == 4
        assert one["ranks"][way(sense, "picture")]["high"] < chance


def test_what_cannot_be_heard_is_told_from_all_else(tiny, tmp_path):
    """Of the small world, the place tells nothing of the colour."""
    measures = Measures(cases_of(tiny, tmp_path, count=384), ATTRIBUTES, 100, 0)
    assert measures.unheard()["value"] == pytest.approx(CHANCE, abs=12)
    counts = measures.cases.counts
    counts[:, 3] = counts[:, 0]  # now it does
    found = measures.unheard()
    assert found["value"] > 65
    cases = measures.cases  # learned from training, too: few cases would be learned by heart
    splits = np.where(cases.splits == "validation", "train", cases.splits)
    splits[cases.of("validation")[0]] = "validation"
    few = Measures(replace(cases, splits=splits), ATTRIBUTES, 100, 0)
    assert len(few.learned) == 1 and few.unheard() == found


def test_units_that_agree_come_first_with_what_excites_them():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(60, 1))
    units = {
        sense: np.hstack(
            [rng.normal(size=(60, 2)), shared + 0.1 * rng.normal(size=(60, 1)), np.zeros((60, 1))]
        )
        for sense in SENSES
    }
    numbers = np.arange(100, 160)
    first, second = alike_units(units, numbers, 2, 3)
    assert first["unit"] == 2 and first["correlation"] > 0.95
    assert abs(second["correlation"]) < 0.4
    for sense in SENSES:
        assert first["cases"][sense][0] == 100 + units[sense][:, 2].argmax()
        assert len(first["cases"][sense]) == 3
