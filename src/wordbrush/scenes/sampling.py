"""Random scenes by CLEVR's rules (C): distances, margins, jitter. Sampling always ends."""

import numpy as np

from wordbrush.errors import WordbrushError
from wordbrush.params import Scenes
from wordbrush.scenes import world

TRIES_PER_OBJECT = 50  # C: --max_retries
RESTARTS = 200  # ours: a world that fails so often is too full
LAYOUTS = 20  # ours: for the same attributes


def cannot_fit(scenes: Scenes) -> WordbrushError:
    return WordbrushError(
        f"scenes: {scenes.max_objects} objects do not fit within extent {scenes.extent} and stay "
        f"visible at min_distance {scenes.min_distance}, min_margin {scenes.min_margin}, "
        f"min_visible_share {scenes.min_visible_share}; lower max_objects or these, or raise "
        "extent."
    )


def require_room(scenes: Scenes, seed: int) -> None:
    """Raises WordbrushError where `max_objects` objects do not fit into a scene."""
    place_objects(
        scenes, np.random.default_rng(seed), scenes.max_objects, world.directions(world.CAMERA)
    )


def sample_scene(scenes: Scenes, rng: np.random.Generator, index: int, split: str) -> dict:
    """One scene in CLEVR's JSON schema, with the jitter that makes it renderable again.

    Raises WordbrushError when the parameters leave no room for the objects.
    """
    jitter = {
        "camera": rng.uniform(-scenes.camera_jitter, scenes.camera_jitter, 3).tolist(),
        "lights": {
            name: rng.uniform(-scenes.light_jitter, scenes.light_jitter, 3).tolist()
            for name in world.LIGHTS
        },
        "seed": int(rng.integers(2**31)),
    }
    ways = world.directions(world.CAMERA + jitter["camera"])
    count = int(rng.integers(scenes.min_objects, scenes.max_objects + 1))
    objects = place_objects(scenes, rng, count, ways)
    return complete(
        {
            "split": split,
            "image_index": index,
            "image_filename": f"WORDBRUSH_{split}_{index:06d}.png",
            "directions": ways,
            "objects": objects,
            "jitter": jitter,
        },
        scenes,
    )


def complete(scene: dict, scenes: Scenes) -> dict:
    """Fill in what follows from the objects: their position in the picture and their relations."""
    camera = world.CAMERA + scene["jitter"]["camera"]
    for thing in scene["objects"]:
        thing["pixel_coords"] = world.project(
            thing["3d_coords"], camera, scenes.field_of_view, scenes.resolution
        )
    scene["relationships"] = world.relationships(scene["objects"], scene["directions"])
    return scene


def place_objects(scenes: Scenes, rng: np.random.Generator, count: int, ways: dict) -> list[dict]:
    """`count` objects that keep distance and margins.

    Attributes are sampled first, and then several layouts are tried. C samples an object anew when
    it does not fit, which makes large objects rare in a small world.
    """
    for _ in range(RESTARTS):
        attributes = [
            {name: str(rng.choice(values)) for name, values in world.ATTRIBUTES.items()}
            for _ in range(count)
        ]
        for _ in range(LAYOUTS):
            objects = layout(attributes, scenes, rng, ways)
            if objects:
                return objects
    raise cannot_fit(scenes)


def layout(
    attributes: list[dict], scenes: Scenes, rng: np.random.Generator, ways: dict
) -> list[dict]:
    """The objects, each at a random position that fits; none where one fits nowhere."""
    objects: list[dict] = []
    for one in attributes:
        for _ in range(TRIES_PER_OBJECT):
            candidate = placed(one, scenes, rng)
            if fits(candidate, objects, scenes, ways):
                objects.append(candidate)
                break
        else:
            return []
    return objects


def placed(attributes: dict, scenes: Scenes, rng: np.random.Generator) -> dict:
    x, y = rng.uniform(-scenes.extent, scenes.extent, 2)
    return {
        **attributes,
        "3d_coords": [float(x), float(y), float(world.half_width(attributes))],
        "rotation": float(rng.uniform(0, 360)),
    }


def fits(thing: dict, others: list[dict], scenes: Scenes, ways: dict) -> bool:
    """C: whether an object keeps its distance and its margins to all others."""
    for other in others:
        offset = np.subtract(thing["3d_coords"][:2], other["3d_coords"][:2])
        apart = np.linalg.norm(offset) - world.RADIUS[thing["size"]] - world.RADIUS[other["size"]]
        margins = [abs(offset @ np.array(ways[name][:2])) for name in ("right", "behind")]
        if apart < scenes.min_distance or min(margins) < scenes.min_margin:
            return False
    return True
