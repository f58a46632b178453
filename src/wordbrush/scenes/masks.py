"""Attribute masks from instance masks."""

import numpy as np

from wordbrush.scenes.world import ATTRIBUTES


def attribute_masks(instances: np.ndarray, objects: list[dict]) -> np.ndarray:
    """One plane for each attribute: uint8 [4, H, W], 0 on the floor, else 1 + the value's number.

    instances: uint8 [H, W], 0 or 1 + the number of the object.
    """
    codes = [
        [0] + [1 + values.index(thing[name]) for thing in objects]
        for name, values in ATTRIBUTES.items()
    ]
    return np.array(codes, dtype=np.uint8)[:, instances]
