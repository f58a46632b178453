"""Which edits are kept, and which are each other's rivals."""

import numpy as np
import pytest

from wordbrush.captions.lines import Line
from wordbrush.data.twins import NO_RIVAL
from wordbrush.editing.twins import CertainEdit, are_rivals, the_best
from wordbrush.stages.speak_edits import rivals_of

RED = {"color": "red", "size": "large", "material": "rubber", "shape": "cube"}
BLUE = {"color": "blue", "size": "small", "material": "metal", "shape": "sphere"}


def placed(red: tuple[float, float], blue: tuple[float, float]) -> list[dict]:
    """At these x, y; lower in a picture is in front."""
    return [{**RED, "x": red[0], "y": red[1]}, {**BLUE, "x": blue[0], "y": blue[1]}]


BESIDE = placed((10, 30), (40, 30))
FRONT, BEHIND = placed((30, 45), (30, 20)), placed((30, 20), (30, 45))
RIGHT = placed((40, 30), (10, 30))
DOUBLES = [{**RED, "x": 30, "y": 15}, {**RED, "x": 30, "y": 50}]  # each is in front and behind


def edit(objects: list[dict], certainty: float, change: str, drawing: int = 0) -> CertainEdit:
    picture = np.zeros((1, 1, 3), np.uint8)
    return CertainEdit(drawing, picture, objects, "turn", certainty, change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "rivals"),
    [
        (FRONT, BEHIND, True),
        (BEHIND, FRONT, True),
        (FRONT, FRONT, False),
        (FRONT, RIGHT, False),
        (BESIDE, RIGHT, False),
        (FRONT, [BEHIND[0], {**BEHIND[1], "color": "green"}], False),
        (DOUBLES, DOUBLES, False),
        ([*DOUBLES, *BESIDE[1:]], [*DOUBLES, *RIGHT[1:]], False),
    ],
)
def test_rivals_differ_in_what_stands_in_front(one, other, rivals):
    assert are_rivals(one, other) == rivals


def test_rivals_are_kept_first_and_then_kinds_take_turns():
    found = [
        edit(RIGHT, 0.99, "left_right"),
        edit(FRONT, 0.98, "front_behind"),
        edit(placed((30, 46), (30, 21)), 0.97, "front_behind"),  # tells the same as the one above
        edit([{**RED, "x": 5, "y": 5}], 0.96, "object"),
        edit(BEHIND, 0.91, "front_behind"),
    ]
    kept = [one.certainty for one in the_best(found, 4)]
    assert kept == [0.98, 0.91, 0.99, 0.96]
    assert [one.certainty for one in the_best(found, 2)] == [0.98, 0.91]
    assert [one.certainty for one in the_best(found[:4], 3)] == [0.99, 0.98, 0.96]


def test_a_rival_is_of_the_same_drawing_and_told_otherwise():
    def told(text: str, *about) -> tuple[CertainEdit, Line]:
        return edit(*about), Line(text, "en")

    sphere = "a small blue metal sphere and a large red rubber cube"
    front, behind = f"{sphere} in front of it", f"{sphere} behind it"
    lines = [
        told(front, FRONT, 0.9, "front_behind", 3),
        told("a large red rubber cube", [RED | {"x": 1, "y": 1}], 0.9, "object", 3),
        told(behind, BEHIND, 0.9, "front_behind", 3),
        told(front, FRONT, 0.9, "front_behind", 4),
        told(behind, BEHIND, 0.9, "front_behind", 5),
    ]
    assert rivals_of(lines) == [2, NO_RIVAL, 0, NO_RIVAL, NO_RIVAL]
