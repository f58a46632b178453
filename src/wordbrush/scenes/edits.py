"""The renderer's own edits (P §6.5): one attribute of one object changes, all else stays."""

import copy

import numpy as np

from wordbrush.params import Scenes
from wordbrush.scenes import world
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
