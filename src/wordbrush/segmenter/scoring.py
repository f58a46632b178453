"""How well the segmenter reads scenes whose objects are known."""

from collections.abc import Mapping

import numpy as np

from wordbrush.scenes.records import Scene

NEAR = 0.1  # of the picture: how far from its centre an object may be found


def score(
    parsed: list[list[dict]], scenes: list[Scene], size: int, attributes: list[str]
) -> tuple[dict[str, float], list[tuple[str, str]]]:
    """Compare what was read in pictures of `size` pixels with their scenes.

    Returns percent of attributes that are right on the objects found, of objects found (`found`),
    and of scenes with the right number of objects (`count`); and a pair of actual and predicted
    value for every attribute of every object found. An object is found when a parsed one lies near
    its centre; the nearest counts.
    """
    right: dict[str, list[bool]] = {name: [] for name in attributes}
    found, counts, confusion = [], [], []
    for objects, scene in zip(parsed, scenes, strict=True):
        counts.append(len(objects) == len(scene["objects"]))
        middles = np.array([[thing["x"], thing["y"]] for thing in objects]).reshape(-1, 2)
        for truth in scene["objects"]:
            away = np.linalg.norm(middles - truth["pixel_coords"][:2], axis=1)
            found.append(bool(len(away)) and away.min() < NEAR * size)
            if found[-1]:
                nearest = objects[int(away.argmin())]
                known: Mapping[str, object] = truth
                for name in attributes:
                    right[name].append(nearest[name] == known[name])
                    confusion.append((str(known[name]), nearest[name]))
    shares = {**right, "found": found, "count": counts}
    metrics = {
        name: round(100 * float(np.mean(values)), 2) if values else 0.0
        for name, values in shares.items()
    }
    return metrics, confusion or [("none", "none")]
