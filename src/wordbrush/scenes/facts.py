"""What a caption tells of a picture, as facts: objects, and how each lies to the one before it.

Two captions of which one is wrong by a single fact are made by changing facts, never texts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

from wordbrush.scenes.world import ATTRIBUTES

INVERSE = {"left": "right", "right": "left", "front": "behind", "behind": "front"}
AXES = {"left_right": ("left", "right"), "front_behind": ("front", "behind")}
EXCHANGES = (*ATTRIBUTES, *AXES)
"""What two objects can exchange: their values of an attribute, or their places along an axis."""

Told = tuple[str, ...]
"""An object as it is told: its value of each of ATTRIBUTES, in their order."""


def things_of(scene: Mapping[str, Any]) -> list[dict]:
    """The objects of a rendered scene, each with its middle x, y in pixels."""
    return [
        {**thing, "x": thing["pixel_coords"][0], "y": thing["pixel_coords"][1]}
        for thing in scene["objects"]
    ]


def relate(thing: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Where `thing` lies as seen from `other`: left, right, front or behind.

    Along the axis on which they are further apart; lower in the picture is in front.
    """
    across, down = thing["x"] - other["x"], thing["y"] - other["y"]
    if abs(across) >= abs(down):
        return "left" if across < 0 else "right"
    return "front" if down > 0 else "behind"


def told(thing: Mapping[str, Any]) -> Told:
    """What a caption tells of an object, but for its place."""
    return tuple(thing[name] for name in ATTRIBUTES)


def relations(things: Sequence[Mapping[str, Any]]) -> Counter[tuple[Told, str, Told]]:
    """How every object of a picture lies as seen from every other one: told, relation, told."""
    return Counter(
        (told(one), relate(one, other), told(other)) for one, other in permutations(things, 2)
    )


@dataclass(frozen=True)
class Facts:
    """What a caption tells.

    objects: in the order in which they are told. relations: of each but the first, where it lies as
    seen from the one before (`relate`).
    """

    objects: tuple[Told, ...]
    relations: tuple[str, ...]

    @classmethod
    def of(cls, things: Sequence[Mapping[str, Any]], order: Sequence[int]) -> "Facts":
        """The facts of a picture's objects, told in this order."""
        told_of = [things[number] for number in order]
        pairs = zip(told_of[1:], told_of, strict=False)
        return cls(tuple(map(told, told_of)), tuple(relate(*pair) for pair in pairs))

    def replaced(self, number: int, attribute: str, value: str) -> "Facts":
        """An object has another value."""
        values = dict(zip(ATTRIBUTES, self.objects[number], strict=True)) | {attribute: value}
        objects = list(self.objects)
        objects[number] = told(values)
        return replace(self, objects=tuple(objects))

    def exchangeable(self, kind: str) -> list[tuple[int, int]]:
        """The pairs of objects, as numbers in the order of telling, that can exchange `kind`.

        After the exchange the facts are true of no picture of which they were true before: with
        attributes the objects become others, and with places neither has a double in the picture.
        """
        count = len(self.objects)
        if kind in AXES:
            return [
                (number, number + 1)
                for number, relation in enumerate(self.relations)
                if relation in AXES[kind]
                and all(self.objects.count(self.objects[number + k]) == 1 for k in range(2))
            ]
        every = ((one, other) for one in range(count) for other in range(one + 1, count))
        return [
            pair
            for pair in every
            if sorted(self.exchanged(*pair, kind).objects) != sorted(self.objects)
        ]

    def exchanged(self, first: int, second: int, kind: str) -> "Facts":
        """Two objects exchange their values of an attribute, or the places in which they are told.

        Places of objects told one after the other: their relation alone is inverted.
        """
        if kind in AXES:
            relations = list(self.relations)
            relations[first] = INVERSE[relations[first]]
            return replace(self, relations=tuple(relations))
        at = list(ATTRIBUTES).index(kind)
        one, other = self.objects[first][at], self.objects[second][at]
        return self.replaced(first, kind, other).replaced(second, kind, one)

    def reversed(self) -> "Facts":
        """The same facts, told from the last object to the first."""
        inverted = tuple(INVERSE[relation] for relation in reversed(self.relations))
        return Facts(tuple(reversed(self.objects)), inverted)

    def true_of(self, things: Sequence[Mapping[str, Any]]) -> bool:
        """Whether they fit a picture of these objects and no others.

        Objects that look alike may each be the one that is meant, so all ways are followed at once:
        which objects were told so far, and which of them last.
        """
        if len(things) != len(self.objects):
            return False
        looks = [told(thing) for thing in things]
        ways = {(frozenset([k]), k) for k, look in enumerate(looks) if look == self.objects[0]}
        for wanted, relation in zip(self.objects[1:], self.relations, strict=True):
            ways = {
                (before | {k}, k)
                for before, last in ways
                for k, look in enumerate(looks)
                if look == wanted
                and k not in before
                and relate(things[k], things[last]) == relation
            }
        return bool(ways)
