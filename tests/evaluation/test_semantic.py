"""The semantic test's pairs are matched; intervals and edit success rate by hand."""

import numpy as np
import pytest

from wordbrush.captions.grammar import VOCABULARY
from wordbrush.evaluation.bounds import distinct
from wordbrush.evaluation.edit_success import content_changes, layout_changes
from wordbrush.evaluation.intervals import bootstrap, percent
from wordbrush.evaluation.matching import make_pool, matched_pairs
from wordbrush.evaluation.paper import PAPER
from wordbrush.evaluation.semantic import outcomes
from wordbrush.scenes.world import ATTRIBUTES


def thing(rng, **fixed):
    values = {name: str(rng.choice(options)) for name, options in ATTRIBUTES.items()}
    return {
        **values,
        "x": 1.0,
        "y": 1.0,
        "area": int(rng.integers(5, 60)),
        "confidence": 0.9,
        "certainty": 0.8,
        **fixed,
    }


@pytest.fixture
def world():
    rng = np.random.default_rng(0)
    return [[thing(rng) for _ in range(rng.integers(1, 3))] for _ in range(600)]


def test_pairs_differ_in_the_word_and_agree_in_number(world):
    pool = make_pool(VOCABULARY, world, 0.5, 0.0)
    pairs = matched_pairs(pool, "color", "red", 50, np.random.default_rng(1))
    assert len(pairs) == 50
    agree = []
    for having, lacking in pairs:
        assert any(each["color"] == "red" for each in world[having])
        assert all(each["color"] != "red" for each in world[lacking])
        assert len(world[having]) == len(world[lacking])
        agree.append(
            sorted(each["shape"] for each in world[having])
            == sorted(each["shape"] for each in world[lacking])
        )
    assert np.mean(agree) > 0.9


def test_doubtful_and_empty_pictures_are_left_out():
    rng = np.random.default_rng(0)
    parsed = [
        [thing(rng)],
        [],
        [thing(rng, confidence=0.2)],
        [thing(rng), thing(rng, confidence=0.4)],
        [thing(rng, certainty=0.6)],
    ]
    assert make_pool(VOCABULARY, parsed, 0.5, 0.7).samples.tolist() == [0]


def test_a_value_nobody_has_gives_no_pairs():
    rng = np.random.default_rng(0)
    pool = make_pool(VOCABULARY, [[thing(rng, color="red")], [thing(rng, color="blue")]], 0.5, 0.0)
    assert matched_pairs(pool, "color", "cyan", 10, rng).shape == (0, 2)


def test_outcomes_and_intervals():
    assert outcomes(np.array([2.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0])).tolist() == [
        1.0,
        0.5,
        0.0,
    ]
    assert bootstrap(np.ones(50), percent, 100, 0) == {"low": 100.0, "high": 100.0}
    low, high = bootstrap(np.arange(400) % 2, percent, 2000, 0).values()
    assert low == pytest.approx(50 - 1.96 * 2.5, abs=0.7) and high == pytest.approx(
        50 + 1.96 * 2.5, abs=0.7
    )


def test_content_is_a_multiset_without_order_or_position():
    rng = np.random.default_rng(0)
    one, other = thing(rng, color="red"), thing(rng, color="blue")
    moved = {**one, "x": 9.0, "area": 1}
    assert content_changes([[one, other]], [[other, moved]], 0.5, ATTRIBUTES) == [False]
    assert content_changes([[one]], [[one, one]], 0.5, ATTRIBUTES) == [True]
    assert content_changes([[one]], [[{**one, "color": "cyan"}]], 0.5, ATTRIBUTES) == [True]
    assert content_changes([[one]], [[one, {**other, "confidence": 0.1}]], 0.5, ATTRIBUTES) == [
        False
    ]


def test_the_paper_s_means_are_the_means_of_its_attributes():
    for method in PAPER.values():
        attributes = [value for name, value in method.semantic.items() if name != "mean"]
        assert method.semantic["mean"] == pytest.approx(np.mean(attributes), abs=0.11)


def test_pictures_of_the_same_content_share_their_recall():
    rng = np.random.default_rng(0)
    red, blue, green = (thing(rng, color=color, shape="cube") for color in ("red", "blue", "green"))
    parsed = [
        [red, blue],
        [{**blue, "x": 5.0}, red],
        [red, blue, {**green, "confidence": 0.1}],
        [green],
    ]
    assert distinct(parsed, 0.5, ATTRIBUTES, 1) == pytest.approx(100 * (3 / 3 + 1) / 4)
    assert (
        distinct(parsed, 0.5, ATTRIBUTES, 2) == pytest.approx(100 * (3 * 2 / 3 + 1) / 4)
        and distinct(parsed, 0.5, ATTRIBUTES, 5) == 100
    )


def test_a_layout_changed_if_all_objects_stayed_and_a_relation_did_not():
    rng = np.random.default_rng(0)
    ball, cube, faint = (thing(rng, color=color) for color in ("red", "blue", "green"))
    ball |= {"x": 10.0, "y": 30.0}
    cube |= {"x": 40.0, "y": 35.0}
    faint |= {"x": 60.0, "y": 60.0, "confidence": 0.3}
    crossed = [ball | {"x": 50.0}, cube]
    nearer = [ball | {"x": 20.0}, cube]
    other = [ball | {"x": 50.0, "color": "gray"}, cube]
    before = [[ball, cube, faint]] * 4
    after = [crossed, nearer, other, [*crossed, ball]]
    assert layout_changes(before, after, 0.5, list(ATTRIBUTES)) == [True, False, False, False]
    alike = [ball, ball | {"x": 40.0}]
    assert layout_changes([alike], [alike[::-1]], 0.5, list(ATTRIBUTES)) == [False]
