"""Who stands where: on layers in which objects are blocks of known values."""

import numpy as np
import pytest
import torch

from wordbrush.editing import layouts
from wordbrush.editing.layouts import Floor, TwoObjects
from wordbrush.scenes.facts import relate

SIZE, CHANNELS = 16, 3
# Objects of a drawing: the first and last row and column, and the value.
BALL, CUBE, CONE = (2, 4, 3, 5, 7.0), (9, 10, 11, 13, 5.0), (13, 14, 1, 2, 3.0)
NEAR_CUBE = (9, 10, 9, 9, 4.0)  # one cell of floor between them


def floor() -> Floor:
    """Everywhere other than 0: what is filled in is seen."""
    values = torch.arange(SIZE, dtype=torch.float32).expand(1, CHANNELS, SIZE, SIZE) / 100
    return Floor(values, torch.tensor(1.0))


def layer(*objects: tuple[int, int, int, int, float]) -> torch.Tensor:
    """One drawing: [1, C, h, w]."""
    h4 = floor().values.clone()
    for top, bottom, left, right, value in objects:
        h4[:, :, top : bottom + 1, left : right + 1] = value
    return h4


def two(h4: torch.Tensor, first: float = 7.0) -> TwoObjects:
    """The object with this value, and of the others the one with the greatest."""
    weights = h4[:, 0] + 100 * (h4[:, 0] == first)
    return TwoObjects.where_greatest(weights, floor().distances(h4) > 1)


def test_two_objects_exchange_their_places_and_nothing_else_changes():
    h4 = layer(BALL, CUBE, CONE)
    after, certain = layouts.exchanged(h4, floor(), two(h4), 1)
    wanted = layer((8, 10, 11, 13, 7.0), (3, 4, 3, 5, 5.0), CONE)
    assert certain.tolist() == [True]
    # what surrounds an object moves with it: compared where objects are
    on = floor().distances(wanted) > 1
    assert torch.equal(floor().distances(after) > 1, on)
    assert torch.equal(after.masked_select(on[:, None]), wanted.masked_select(on[:, None]))
    again, _ = layouts.exchanged(after, floor(), two(after), 1)
    assert torch.equal(floor().distances(again) > 1, floor().distances(h4) > 1)


@pytest.mark.parametrize(
    ("objects", "why"),
    [
        ((BALL,), "there is one object"),
        ((BALL, (3, 4, 6, 8, 5.0)), "they touch, and are one"),
        ((BALL, CUBE, NEAR_CUBE), "another would be lifted with it"),
        ((BALL, CUBE, (7, 7, 14, 14, 3.0)), "the larger would hide another"),
        (((2, 6, 3, 7, 7.0), (14, 15, 12, 14, 5.0)), "the larger would leave the picture"),
    ],
)
def test_edits_that_are_not_certain_are_not_used(objects, why):
    h4 = layer(*objects)
    _, certain = layouts.exchanged(h4, floor(), two(h4), 2)
    assert certain.tolist() == [False], why


def test_an_object_moves_to_an_empty_place_and_lies_otherwise_then():
    h4, rng = layer(BALL, CUBE, CONE), torch.Generator().manual_seed(0)
    ways, places = (2 * SIZE - 1) ** 2, set()
    for _ in range(20):
        chances = torch.rand(1, ways, generator=rng)
        after, certain = layouts.moved_away(h4, floor(), two(h4), 1, chances)
        moved = two(after)
        assert certain.tolist() == [True] and moved.first.sum() == 9 and moved.second.sum() == 6
        assert torch.equal(moved.second, two(h4).second) and torch.equal(moved.rest, two(h4).rest)
        before = layouts.relation(*(layouts.middles(one) for one in objects_of(h4)))
        assert layouts.relation(*(layouts.middles(one) for one in objects_of(after))) != before
        places.add(tuple(layouts.middles(moved.first)[0].tolist()))
    assert len(places) > 10


def objects_of(h4: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    found = two(h4)
    return found.first, found.second


def test_where_no_place_is_free_nothing_moves():
    h4 = layer((2, 12, 2, 8, 7.0), (2, 12, 12, 14, 5.0))
    chances = torch.ones(1, (2 * SIZE - 1) ** 2)
    _, certain = layouts.moved_away(h4, floor(), two(h4), 1, chances)
    assert certain.tolist() == [False]


def test_a_way_of_every_kind_is_as_likely():
    kinds = torch.tensor([0] * 90 + [1] * 9 + [2] * 3).expand(4000, -1)
    free = kinds.new_ones(kinds.shape, dtype=torch.bool)
    free[:, 100:] = False  # one of the last kind is left
    chances = torch.rand(kinds.shape, generator=torch.Generator().manual_seed(0))
    drawn = layouts.drawn_evenly(kinds, free, chances)
    shares = torch.bincount(kinds[0][drawn]) / len(drawn)
    assert drawn.max() < 100 and torch.allclose(shares, torch.full((3,), 1 / 3), atol=0.03)
    assert len(drawn[drawn < 90].unique()) == 90


@pytest.mark.parametrize("in_front", [True, False])
def test_two_that_are_turned_stand_one_in_front_of_the_other(in_front):
    h4, rng, places = layer(BALL, CUBE, CONE), torch.Generator().manual_seed(0), set()
    for _ in range(20):
        chances = torch.rand(1, (2 * SIZE - 1) ** 2, generator=rng)
        after, certain = layouts.turned(h4, floor(), two(h4), 1, chances, torch.tensor([in_front]))
        stand = two(after)
        assert certain.tolist() == [True] and stand.first.sum() == 9 and stand.second.sum() == 6
        assert torch.equal(stand.rest, two(h4).rest)
        first, second = layouts.middles(stand.first)[0], layouts.middles(stand.second)[0]
        assert first[1] == second[1] and (first[0] > second[0]).item() == in_front
        assert abs(first[0] - second[0]) <= 6  # as near as their surroundings allow
        places.add(tuple(first.tolist()))
    assert len(places) > 10


def test_two_of_which_one_is_in_front_already_are_not_turned_to_stay_so():
    h4 = layer((9, 11, 5, 7, 7.0), (2, 3, 5, 7, 5.0))
    chances = torch.rand(1, (2 * SIZE - 1) ** 2)
    stays, turns = (
        layouts.turned(h4, floor(), two(h4), 1, chances, torch.tensor([in_front]))[1].tolist()
        for in_front in (True, False)
    )
    assert stays == [False] and turns == [True]


def test_a_mirrored_drawing_differs_where_objects_lie_beside_each_other():
    h4 = torch.cat([layer(BALL, (3, 4, 11, 13, 5.0)), layer(BALL, (12, 14, 4, 5, 5.0))])
    after, certain = layouts.mirrored(h4, two(h4))
    assert torch.equal(after, h4.flip(3)) and certain.tolist() == [True, False]


def test_objects_hang_together_and_hold_what_they_enclose():
    on = torch.zeros(1, 8, 8, dtype=torch.bool)
    on[0, 1:6, 1:6] = True
    on[0, 2:5, 2:5] = False  # a ring, its centre, which it encloses, and a cell apart
    on[0, 3, 3] = on[0, 6, 6] = on[0, 0, 7] = True
    start = torch.zeros_like(on)
    start[0, 1, 1] = True
    ring = layouts.joined(start, on)
    assert ring.sum() == 17 and ring[0, 6, 6] and not ring[0, 3, 3]  # corners hang together
    assert layouts.filled(ring).sum() == 26


def test_overlaps_are_counted_for_every_shift():
    rng = np.random.default_rng(2)
    cells, taken = (torch.from_numpy(rng.random((2, 5, 5)) < 0.4) for _ in range(2))
    ways = layouts.all_ways(5, cells.device)
    found = layouts.overlaps(cells, taken)
    for number, (down, across) in enumerate(ways.tolist()):
        for row in range(2):
            ends = (cells[row].nonzero() + torch.tensor([down, across])).tolist()
            inside = [(y, x) for y, x in ends if 0 <= y < 5 and 0 <= x < 5]
            hits = sum(bool(taken[row, y, x]) for y, x in inside)
            assert found[row, number] == hits + len(ends) - len(inside)


def test_relations_are_those_that_captions_tell():
    names = ("left", "right", "behind", "front")
    rng = np.random.default_rng(0)
    for y, x, v, u in rng.integers(0, 6, (50, 4)).tolist():
        if (y, x) == (v, u):
            continue
        found = layouts.relation(torch.tensor([y, x]), torch.tensor([v, u]))
        assert names[int(found)] == relate({"x": x, "y": y}, {"x": u, "y": v})


def test_the_floor_is_found_although_most_drawings_show_something_there():
    rng = torch.Generator().manual_seed(1)
    empty = torch.randn(1, CHANNELS, 4, 4, generator=rng)
    things = empty + 5 * torch.randn(200, CHANNELS, 4, 4, generator=rng)
    standing = torch.rand(200, 1, 4, 4, generator=rng) < 0.65
    noise = 0.01 * torch.randn(200, CHANNELS, 4, 4, generator=rng)
    found = layouts.commonest(torch.where(standing, things, empty) + noise)
    assert (found - empty).abs().max() < 0.02
