"""Two objects exchange one thing: the scenes and the facts differ in this, and in nothing else."""

from itertools import islice

import numpy as np
import pytest

from wordbrush.scenes.edits import exchange
from wordbrush.scenes.facts import AXES, EXCHANGES, Facts, relate, things_of
from wordbrush.scenes.render import picture, render_exchange
from wordbrush.scenes.sampling import fits, sample_scene
from wordbrush.scenes.world import ATTRIBUTES

RED = {"shape": "cube", "material": "rubber", "color": "red", "size": "small", "x": 4.0, "y": 9.0}
BLUE = {**RED, "shape": "sphere", "color": "blue", "x": 20.0}
GRAY = {**RED, "color": "gray", "size": "large", "x": 12.0, "y": 28.0}


@pytest.fixture(scope="module")
def world(demo):
    return demo.scenes.model_copy(
        update={"min_objects": 2, "max_objects": 4, "extent": 1.6, "field_of_view": 26.0}
    )


def exchanged(world, kind, count=8):
    """Scenes, each with its exchange."""
    rng = np.random.default_rng(3)
    scenes = (sample_scene(world, rng, number, "real") for number in range(1000))
    both = ((scene, exchange(scene, world, kind, rng)) for scene in scenes)
    found = list(islice((pair for pair in both if pair[1]), count))
    assert len(found) == count
    return found


@pytest.mark.parametrize("kind", EXCHANGES)
def test_scenes_differ_in_what_was_exchanged(world, kind):
    for scene, change in exchanged(world, kind):
        order, edited = change["order"], change["edited"]
        one, other = (order[change[name]] for name in ("first", "second"))
        swapped = "place" if kind in AXES else kind
        for number, (before, after) in enumerate(
            zip(scene["objects"], edited["objects"], strict=True)
        ):
            partner = scene["objects"][{one: other, other: one}.get(number, number)]
            for name in ATTRIBUTES:
                assert after[name] == (partner if name == swapped else before)[name]
            source = partner if swapped == "place" else before
            assert after["3d_coords"][:2] == source["3d_coords"][:2]
            assert after["rotation"] == before["rotation"]
            others = [thing for k, thing in enumerate(edited["objects"]) if k != number]
            assert fits(after, others, world, edited["directions"])
        assert scene["jitter"] == edited["jitter"]


@pytest.mark.parametrize("kind", EXCHANGES)
def test_each_caption_is_true_of_its_own_scene_alone(world, kind):
    for scene, change in exchanged(world, kind):
        things = [things_of(one) for one in (scene, change["edited"])]
        facts = [Facts.of(one, change["order"]) for one in things]
        for number in range(2):
            assert facts[number].true_of(things[number])
            assert not facts[number].true_of(things[1 - number])
        assert facts[0].exchanged(change["first"], change["second"], kind) == facts[1]
        same = [a == b for a, b in zip(facts[0].relations, facts[1].relations, strict=True)]
        if kind in AXES:
            assert facts[0].objects == facts[1].objects and same.count(False) == 1
            assert set(AXES[kind]) == {one.relations[same.index(False)] for one in facts}
        else:
            assert all(same) and sorted(facts[0].objects) != sorted(facts[1].objects)


def test_what_cannot_be_told_apart_is_not_exchanged():
    twin = {**RED, "x": 20.0}
    assert Facts.of([RED, twin], [0, 1]).exchangeable("left_right") == []
    assert Facts.of([RED, twin, BLUE], [0, 1, 2]).exchangeable("left_right") == []
    other = {**RED, "color": "blue", "x": 20.0}
    facts = Facts.of([RED, other], [0, 1])
    assert facts.exchangeable("color") == []  # only places would tell which is which
    assert facts.exchangeable("left_right") == [(0, 1)]
    assert facts.exchangeable("front_behind") == facts.exchangeable("shape") == []
    assert Facts.of([RED], [0]).exchangeable("color") == []
    assert Facts.of([RED, BLUE], [0, 1]).exchangeable("color") == [(0, 1)]


def test_facts_hold_for_any_picture_that_they_fit():
    facts = Facts.of([RED, BLUE, GRAY], [0, 1, 2])
    assert facts.relations == ("right", "front") and relate(RED, BLUE) == "left"
    assert facts.true_of([GRAY, RED, BLUE]) and facts.reversed().true_of([GRAY, RED, BLUE])
    assert facts.reversed().relations == ("behind", "left")
    assert facts.reversed().reversed() == facts
    moved = {**BLUE, "x": 0.0}
    assert not facts.true_of([RED, moved, GRAY]) and not facts.true_of([RED, BLUE])
    nearer = {**RED, "x": 1.0}  # of two alike, another one is meant
    assert Facts.of([RED, BLUE], [0, 1]).true_of([{**BLUE, "x": 3.0}, nearer])
    twins = Facts.of([RED, nearer], [0, 1])
    assert twins.relations == ("left",) and twins.true_of([nearer, RED])


def test_pairs_are_rendered_kind_by_kind(world):
    small = world.model_copy(update={"resolution": 16, "samples_per_pixel": 4})
    for index in (0, len(EXCHANGES) - 2):
        record, pictures = render_exchange(small, 5, index)
        assert record["kind"] == EXCHANGES[index] and pictures.shape == (2, 16, 16, 3)
        assert (pictures[0] != pictures[1]).any()
        assert np.array_equal(picture(record["edited"], small), pictures[1])
    alike = small.model_copy(update={"min_margin": 0.0, "extent": 0.1, "max_objects": 2})
    with pytest.raises(Exception, match="do not fit"):
        render_exchange(alike, 5, 0)
