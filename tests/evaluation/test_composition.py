"""Scores of composition for listeners whose answers are known, and bounds of recall."""

import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from wordbrush.captions.composition import Subjects, write_script
from wordbrush.captions.wording import facts_in
from wordbrush.data.composition import Medium
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.bounds import distinct, fitting, recall_bound
from wordbrush.evaluation.cases import read_cases
from wordbrush.evaluation.composed import MEDIA, SHOWN
from wordbrush.evaluation.composition import (
    CHANCE,
    by_kind,
    hard_positives,
    left_out,
    outcomes,
    pair_scores,
)
from wordbrush.evaluation.results import ComposedExample, CompositionTables, Results
from wordbrush.scenes.edits import change_one_attribute, exchange
from wordbrush.scenes.facts import AXES, EXCHANGES, Facts, things_of, told
from wordbrush.scenes.sampling import sample_scene
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout

WINOGROUND = ("text", "image", "group")


@pytest.fixture(scope="module")
def cases(demo):
    """Cases with the objects of their pictures: {(test, medium): [(case, texts, things)]}."""
    rng = np.random.default_rng(2)
    scenes = [sample_scene(demo.scenes, rng, number, "real") for number in range(400)]
    real, exchanged = [], []
    for number, scene in enumerate(scenes):
        if change := change_one_attribute(scene, demo.scenes, rng):
            real.append({"scene": scene, **change})
        if change := exchange(scene, demo.scenes, EXCHANGES[number % len(EXCHANGES)], rng):
            exchanged.append({"scene": scene, **change})
    subjects = Subjects(dict(enumerate(map(things_of, scenes))), real, exchanged)
    script = write_script(subjects, demo.captions, demo.captions.held_out_voices, 30, 7)
    lines, found = [line.text for line in script.lines], {}
    for case in script.cases:
        if case["on"] == "drawings":
            things = [subjects.drawings[case["picture"]]]
        else:
            pairs = real if case["test"] == "wrong_words" else exchanged
            things = [things_of(pairs[case["picture"]][one]) for one in ("scene", "edited")]
        texts = {"right": lines[case["right"]], "wrong": lines[case["wrong"]]}
        texts |= {name: lines[number] for name, number in case["positives"].items()}
        found.setdefault((case["test"], case["on"]), []).append((case, texts, things))
    return found


def perfect(facts: Facts, things: list[dict]) -> float:
    """Knows all that is told."""
    return float(facts.true_of(things))


def of_objects(facts: Facts, things: list[dict]) -> float:
    """Knows which values belong to one object, but not where objects lie."""
    return float((Counter(facts.objects) & Counter(map(told, things))).total())


def of_words(facts: Facts, things: list[dict]) -> float:
    """Knows a bag of words."""
    seen = Counter(value for thing in things for value in told(thing))
    return float((Counter(value for one in facts.objects for value in one) & seen).total())


def heard_by(listener, found):
    """Scores [N, P, 2] of cases, and of their hard positives."""
    scores = np.array(
        [
            [
                [listener(facts_in(texts[one]), seen) for one in ("right", "wrong")]
                for seen in things
            ]
            for _, texts, things in found
        ]
    )
    positives = {}
    for name in ("synonym", "voice", "order"):
        rows = [row for row, (_, texts, _) in enumerate(found) if name in texts]
        fits = [listener(facts_in(found[row][1][name]), found[row][2][0]) for row in rows]
        positives[name] = np.array(rows), np.array(fits)
    return scores, positives


def values(scores, kind):
    return {name: one["value"] for name, one in scores[kind].items() if name != "pairs"}


@pytest.mark.parametrize("medium", ["drawings", "scenes"])
def test_a_perfect_listener_is_always_right(cases, demo, medium: Medium):
    for test in ("wrong_words", "exchanges"):
        found = cases[test, medium]
        scores, positives = heard_by(perfect, found)
        measured = by_kind([case for case, _, _ in found], outcomes(scores), demo)
        assert set(measured) >= {"attributes", *ATTRIBUTES}
        assert (set(AXES) | {"relations"} <= set(measured)) == (test == "exchanges")
        for kind in measured:
            assert set(values(measured, kind).values()) == {100.0}
            assert ("group" in measured[kind]) == (medium == "scenes")
        if test == "wrong_words":
            kept = hard_positives([case for case, _, _ in found], positives, scores[:, 0, 1], demo)
            assert {one["choice"]["value"] for one in kept.values()} == {100.0}
            assert kept["all"]["pairs"] == sum(
                kept[name]["pairs"] for name in ("synonym", "voice", "order")
            )


def test_a_listener_of_objects_hears_all_but_relations(cases, demo):
    found = cases["exchanges", "scenes"]
    scores, _ = heard_by(of_objects, found)
    measured = by_kind([case for case, _, _ in found], outcomes(scores), demo)
    for name in ("choice", *WINOGROUND):
        assert measured["attributes"][name]["value"] == 100
        for kind in (*AXES, "relations"):  # both captions fit both pictures: a tie is an error
            assert measured[kind][name]["value"] == 0


def test_a_bag_of_words_hears_no_exchange(cases, demo):
    found = cases["exchanges", "scenes"]
    measured = by_kind([case for case, _, _ in found], outcomes(heard_by(of_words, found)[0]), demo)
    assert all(set(values(measured, kind).values()) == {0.0} for kind in measured)
    found = cases["wrong_words", "scenes"]
    measured = by_kind([case for case, _, _ in found], outcomes(heard_by(of_words, found)[0]), demo)
    assert all(set(values(measured, kind).values()) == {100.0} for kind in measured)


def test_a_random_listener_is_at_chance(demo):
    scores = np.random.default_rng(0).normal(size=(40_000, 2, 2))
    found = outcomes(scores)
    for name, chance in CHANCE.items():
        assert 100 * found[name].mean() == pytest.approx(chance, abs=1)
    assert 100 * outcomes(scores[:, :1])["choice"].mean() == pytest.approx(50, abs=1)


def test_scores_by_hand(demo):
    """Of a pair: rows are pictures, columns captions."""
    scores = np.array(
        [
            [[2.0, 1.0], [1.0, 2.0]],  # all right
            [[2.0, 1.0], [3.0, 4.0]],  # captions right; the second picture fits both better
            [[2.0, 3.0], [1.0, 4.0]],  # pictures right; the second caption fits both better
            [[1.0, 1.0], [0.0, 2.0]],  # a tie
        ]
    )
    found = outcomes(scores)
    assert found["choice"].tolist() == [1, 1, 0.5, 0.5]
    assert found["text"].tolist() == [True, True, False, False]
    assert found["image"].tolist() == [True, False, True, True]
    assert found["group"].tolist() == [True, False, False, False]
    kinds = ("color", "size", "left_right", "left_right")
    cases = [
        {
            "on": "scenes",
            "test": "exchanges",
            "kind": kind,
            "picture": number,
            "right": 0,
            "wrong": 1,
            "positives": {},
        }
        for number, kind in enumerate(kinds)
    ]
    measured = by_kind(cases, found, demo)
    assert set(measured) == {"color", "size", "left_right", "attributes", "relations"}
    assert measured["attributes"]["pairs"] == 2
    assert values(measured, "attributes") == {"choice": 100, "text": 100, "image": 50, "group": 50}
    assert values(measured, "relations") == {"choice": 50, "text": 0, "image": 100, "group": 0}
    image = measured["attributes"]["image"]
    assert (image["low"], image["high"], image["chance"]) == (0, 100, 25)


def test_hard_positives_by_hand(demo):
    positives = {
        "synonym": (np.array([0, 1]), np.array([2.0, 1.0])),
        "order": (np.array([1]), np.array([3.0])),
    }
    cases = [{"picture": 5}, {"picture": 7}]
    kept = hard_positives(cases, positives, np.array([1.0, 1.0]), demo)
    assert {name: one["choice"]["value"] for name, one in kept.items()} == {
        "synonym": 50.0,  # a tie is an error
        "order": 100.0,
        "all": 66.67,
    }


def test_intervals_are_over_pictures(demo):
    """Ten cases of one picture, all alike, are one draw."""
    right = np.array([True] * 10 + [False] * 10)
    once = pair_scores({"choice": right}, np.arange(20), demo)["choice"]
    of_two = pair_scores({"choice": right}, np.repeat([4, 2], 10), demo)["choice"]
    assert once["value"] == of_two["value"] == 50
    assert (of_two["low"], of_two["high"]) == (0, 100) and 20 < once["low"] < once["high"] < 80


def test_bounds_of_recall():
    red = {"shape": "cube", "material": "rubber", "color": "red", "size": "small", "x": 4, "y": 9}
    blue = {**red, "color": "blue", "x": 20}
    left, right = [red, blue], [{**red, "x": 30}, blue]
    parsed = [left, right, left, [red], []]
    texts = [
        "i see a small red rubber cube and right of it a tiny blue matte block",
        "i see a small red rubber cube and left of it a small blue rubber cube",
        "there is a small blue rubber cube and a small red rubber cube to the left of it",
        "here is a small red rubber cube",
        "i see an empty floor",
    ]
    fits = fitting(parsed, texts)
    expected = np.eye(5, dtype=bool)
    expected[[0, 2], [2, 0]] = True  # of the first three, two are described alike
    assert np.array_equal(fits, expected)
    assert recall_bound(fits, 1) == pytest.approx(100 * (3 + 2 / 2) / 5)
    assert recall_bound(fits, 2) == 100
    sure = [[{**thing, "confidence": 1.0} for thing in things] for things in parsed]
    assert distinct(sure, 0.5, list(ATTRIBUTES), 1) == pytest.approx(100 * (2 + 3 / 3) / 5)
    assert fitting(parsed, ["a dog", *texts[1:]]) is None
    wrong = fitting(parsed, [texts[1], *texts[1:]])  # a caption that is not true of its picture
    assert recall_bound(wrong, 5) == pytest.approx(100 * 4 / 5)


def test_a_run_measures_composition(finished):
    layout = finished.layout
    results = read_json(layout.metrics("evaluation"), Results)
    tables = read_json(layout.evaluation / "composition.json", CompositionTables)
    assert list(tables) == list(results)
    for name, one in tables.items():
        for medium in MEDIA:
            assert set(one["wrong_words"][medium]) <= {"attributes", *ATTRIBUTES}
            assert one["hard_positives"][medium]["all"]["pairs"] >= 4
        exchanges = one["exchanges"]["scenes"]
        assert set(exchanges) == {*EXCHANGES, "attributes", "relations"}
        assert [exchanges[kind]["pairs"] for kind in EXCHANGES] == [2] * len(EXCHANGES)
        assert exchanges["relations"]["pairs"] == 4
        short = results[name]["composition"]
        assert set(short["scenes"]) == set(SHOWN)
        assert short["scenes"]["relations_group"] == exchanges["relations"]["group"]
    page = (layout.report / "index.html").read_text(encoding="utf-8")
    assert "what belongs together" in page and "exchanged: left and right" in page
    examples = read_json(layout.evaluation / "composed.json", list[ComposedExample])
    assert [one["kind"] for one in examples if one["test"] == "exchanges"] == list(EXCHANGES)
    assert all(page.count(text) for one in examples for text in one["texts"])


def test_cases_name_lines_and_pictures_that_are_there(finished, tmp_path):
    layout = Layout(tmp_path / "run")
    shutil.copytree(finished.layout.test_speech, layout.test_speech)
    pictures = np.zeros((200, 16, 16, 3), np.uint8)
    drawn = read_cases(layout, pictures)
    assert {one["on"] for one in drawn.cases} == {"drawings"}  # the pairs of scenes are not there
    assert len(drawn.lines) == len(drawn.speech)
    with pytest.raises(WordbrushError, match=r"composition\.json names the picture \d+"):
        read_cases(layout, pictures[:3])
    assert read_cases(Layout(tmp_path), pictures) is None
    assert set(left_out(None).values()) and list(left_out(drawn)) == []
    alone = replace(drawn, cases=drawn.of("wrong_words", "drawings"))
    assert list(left_out(alone)) == ["exchanges between objects"]
