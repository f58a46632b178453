"""The renderer's own edits (P §6.5): one attribute of one object changes, or two objects exchange
one thing; all else stays."""

import copy
from typing import Any

import numpy as np

from wordbrush.params import Scenes
from wordbrush.scenes import world
from wordbrush.scenes.facts import AXES, Facts, things_of
from wordbrush.scenes.sampling import complete, fits


def change_one_attribute(scene: dict, scenes: Scenes, rng: np.random.Generator) -> dict | None:
    """`{edited, object, attribute, before, after}`, or None where the changed object would not fit.

    The attribute is drawn uniformly, then its new value among the others.
    """
    number = int(rng.integers(len(scene["objects"])))
    attribute = str(rng.choice(list(world.ATTRIBUTES)))
    before = scene["objects"][number][attribute]
    after = str(rng.choice([value for value in world.ATTRIBUTES[attribute] if value != before]))
    edited = copy.deepcopy(scene)
    thing = edited["objects"][number]
    thing[attribute] = after
    thing["3d_coords"][2] = float(world.half_width(thing))
    others = [other for k, other in enumerate(edited["objects"]) if k != number]
    if not fits(thing, others, scenes, scene["directions"]):
        return None
    return {
        "edited": complete(edited, scenes),
        "object": number,
        "attribute": attribute,
        "before": before,
        "after": after,
    }


def exchange(
    scene: dict, scenes: Scenes, kind: str, rng: np.random.Generator
) -> dict[str, Any] | None:
    """`{edited, kind, order, first, second}`: two objects exchange `kind`, one of facts.EXCHANGES.

    order: in which a caption may tell the objects so that it differs from that of the edited scene
    in the exchange alone. first, second: the two, as numbers in this order. They are drawn; None
    where no two objects can exchange it, do not fit after it, or change other relations by it.
    """
    order = rng.permutation(len(scene["objects"])).tolist()
    facts = Facts.of(things_of(scene), order)
    pairs = facts.exchangeable(kind)
    if not pairs:
        return None
    first, second = pairs[int(rng.integers(len(pairs)))]
    edited = copy.deepcopy(scene)
    one, other = (edited["objects"][order[number]] for number in (first, second))
    if kind in AXES:
        one["3d_coords"], other["3d_coords"] = other["3d_coords"], one["3d_coords"]
    else:
        one[kind], other[kind] = other[kind], one[kind]
    for thing in (one, other):
        thing["3d_coords"][2] = float(world.half_width(thing))
    for number, thing in enumerate(edited["objects"]):
        if not fits(thing, edited["objects"][:number], scenes, scene["directions"]):
            return None
    complete(edited, scenes)
    if Facts.of(things_of(edited), order) != facts.exchanged(first, second, kind):
        return None
    return {"edited": edited, "kind": kind, "order": order, "first": first, "second": second}
