"""Pictures and instance masks of scenes, by Mitsuba 3.

A picture depends only on its scene, whose seed is part of the jitter. So bytes do not depend on
the number of workers.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from multiprocessing import get_context
from typing import Any, TypeVar

import numpy as np

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.params import Scenes
from wordbrush.scenes import edits, world
from wordbrush.scenes.facts import EXCHANGES
from wordbrush.scenes.sampling import RESTARTS, cannot_fit, sample_scene
from wordbrush.training.workers import Task, ordered

LOADS = 200  # attempts to get the lights in order
MASK_GRID = 3  # rays a pixel and axis for the mask: the mask is the majority of nine
PATH_DEPTH = 3  # two bounces: enough for a metal that mirrors the floor
T = TypeVar("T")
# Renderings that make a picture. Each pixel drops its brightest: rare light paths make white dots.
TAKES = 4


@cache
def mitsuba() -> Any:
    """Mitsuba in its scalar variant, on one thread: cores are used by processes."""
    with optional_packages():
        import mitsuba as mi

    mi.set_variant("scalar_rgb")
    import drjit as dr

    dr.set_thread_count(1)
    return mi


def load(parts: dict) -> Any:
    """The scene with its lights in alphabetical order.

    Mitsuba orders lights by their addresses in memory (one load in ten differs), and the noise of
    a picture depends on that order. So a scene in another order is loaded again, while the first
    one still occupies its memory.
    """
    others = []
    for _ in range(LOADS):
        loaded = mitsuba().load_dict(parts, parallel=False)
        lights = [shape.id() for shape in loaded.shapes() if shape.is_emitter()]
        if lights == sorted(lights):
            return loaded
        others.append(loaded)
    raise WordbrushError(
        f"Mitsuba gave the lights {LOADS} times in another order than {', '.join(sorted(lights))}; "
        "run again."
    )


def linear(rgb: tuple[int, int, int]) -> list[float]:
    """sRGB bytes to linear light."""
    share = np.array(rgb) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4).tolist()


def material(thing: dict) -> dict:
    """C's two materials: rough rubber, and metal that mirrors its surroundings.

    A part of the metal's reflection is white (ours): else people, too, can hardly tell the two
    materials apart in a small picture.
    """
    color = {"type": "rgb", "value": linear(world.RGB[thing["color"]])}
    if thing["material"] == "rubber":
        return {"type": "principled", "base_color": color, "roughness": 0.8, "specular": 0.1}
    return {
        "type": "blendbsdf",
        "weight": 0.22,
        "tinted": {"type": "principled", "base_color": color, "metallic": 0.7, "roughness": 0.25},
        "white": {"type": "roughconductor", "material": "none", "alpha": 0.12},
    }


def shapes(thing: dict, name: str) -> dict[str, dict]:
    """The Mitsuba shapes of one object; their names begin with `name`."""
    to_world = mitsuba().ScalarTransform4f
    position = (
        to_world()
        .translate(thing["3d_coords"])
        .rotate([0, 0, 1], thing["rotation"])
        .scale(world.half_width(thing))
    )
    bsdf = material(thing)
    if thing["shape"] == "sphere":
        return {name: {"type": "sphere", "to_world": position, "bsdf": bsdf}}
    if thing["shape"] == "cube":
        return {name: {"type": "cube", "to_world": position, "bsdf": bsdf}}
    return {
        name: {
            "type": "cylinder",
            "p0": [0, 0, -1],
            "p1": [0, 0, 1],
            "to_world": position,
            "bsdf": bsdf,
        },
        f"{name}_top": {"type": "disk", "to_world": position.translate([0, 0, 1]), "bsdf": bsdf},
    }


def description(scene: dict, scenes: Scenes) -> dict:
    """The scene as Mitsuba loads it, without sensor and integrator."""
    to_world = mitsuba().ScalarTransform4f
    parts = {
        "type": "scene",
        "sky": {"type": "constant", "radiance": 0.55},
        "floor": {
            "type": "rectangle",
            "to_world": to_world().scale(40),
            "bsdf": {
                "type": "diffuse",
                "reflectance": {"type": "rgb", "value": [0.42, 0.42, 0.42]},
            },
        },
    }
    for name, power in (("key", 13.0), ("fill", 4.0), ("back", 4.0)):
        position = world.LIGHTS[name] + scene["jitter"]["lights"][name]
        look = to_world().look_at(origin=position.tolist(), target=[0, 0, 0], up=[0, 0.1, 1])
        parts[name] = {
            "type": "rectangle",
            "to_world": look.scale(0.9),
            "emitter": {"type": "area", "radiance": power},
        }
    for number, thing in enumerate(scene["objects"]):
        parts |= shapes(thing, f"object{number}")
    return parts


def sensor(scene: dict, scenes: Scenes, resolution: int, across: str) -> dict:
    """C's camera. Multi-jittered samples have a third of the variance of independent ones.

    across: the reconstruction filter; with `box`, a pixel takes its own samples only.
    """
    camera = world.CAMERA + scene["jitter"]["camera"]
    to_world = (
        mitsuba()
        .ScalarTransform4f()
        .look_at(origin=camera.tolist(), target=world.TARGET.tolist(), up=[0, 0, 1])
    )
    return {
        "type": "perspective",
        "fov": scenes.field_of_view,
        "to_world": to_world,
        "sampler": {"type": "multijitter", "sample_count": scenes.samples_per_pixel},
        "film": {
            "type": "hdrfilm",
            "width": resolution,
            "height": resolution,
            "rfilter": {"type": across},
            "pixel_format": "rgb",
            "component_format": "float32",
        },
    }


def coverage(scene: dict, scenes: Scenes) -> np.ndarray:
    """Share of each pixel that each object covers: float [objects + 1, H, W], the floor first.

    Each object emits its number as light in a dark world. (Mitsuba's `shape_index` takes four
    times as long, and was wrong in one scene of a hundred, since it depends on addresses.)
    """
    mi = mitsuba()
    parts = description(scene, scenes)
    del parts["sky"]
    for light in world.LIGHTS:
        del parts[light]["emitter"]
    for name, part in parts.items():
        if number := re.match(r"object(\d+)", name):
            part["emitter"] = {"type": "area", "radiance": int(number[1]) + 1.0}
    parts["sensor"] = sensor(
        scene, scenes, scenes.resolution * MASK_GRID, "box"
    )  # between two numbers lies a third
    parts["integrator"] = {"type": "path", "max_depth": 1}  # what shines by itself
    seen = mi.render(mi.load_dict(parts, parallel=False), spp=1, seed=scene["jitter"]["seed"])
    one_hot = np.array(seen)[..., 0] == np.arange(len(scene["objects"]) + 1)[:, None, None]
    size = scenes.resolution
    return one_hot.reshape(-1, size, MASK_GRID, size, MASK_GRID).mean((2, 4))


def instances(scene: dict, scenes: Scenes) -> np.ndarray:
    """uint8 [H, W]: which object is seen in most of each pixel; 0 is the floor."""
    return coverage(scene, scenes).argmax(0).astype(np.uint8)


def all_visible(mask: np.ndarray, count: int, scenes: Scenes) -> bool:
    """C: every object shows enough pixels."""
    shares = np.bincount(mask.ravel(), minlength=count + 1)[1:] / mask.size
    return bool((shares >= max(scenes.min_visible_share, 1 / mask.size)).all())


def picture(scene: dict, scenes: Scenes) -> np.ndarray:
    """The rendered scene, uint8 [H, W, 3] in sRGB."""
    mi = mitsuba()
    parts = description(scene, scenes)
    parts["sensor"] = sensor(
        scene, scenes, scenes.resolution, "gaussian"
    )  # a third of the grain's variance, a softer edge
    parts["integrator"] = {"type": "path", "max_depth": PATH_DEPTH}
    loaded, samples = load(parts), max(1, scenes.samples_per_pixel // TAKES)
    takes = np.stack(
        [
            mi.render(loaded, spp=samples, seed=scene["jitter"]["seed"] + number)
            for number in range(TAKES)
        ]
    )
    light = np.clip((takes.sum(0) - takes.max(0)) / (TAKES - 1), 0, 1)
    display = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return (display * 255).round().astype(np.uint8)


def render_one(scenes: Scenes, seed: int, index: int) -> tuple[dict, np.ndarray, np.ndarray]:
    """Scene `index` of the world: its JSON, picture [H, W, 3] and instance mask [H, W]."""
    rng = np.random.default_rng([seed, index])
    for _ in range(RESTARTS):
        scene = sample_scene(scenes, rng, index, "train")
        mask = instances(scene, scenes)
        if all_visible(mask, len(scene["objects"]), scenes):
            return scene, picture(scene, scenes), mask
    raise cannot_fit(scenes)


def render_pair(scenes: Scenes, seed: int, index: int) -> tuple[dict, np.ndarray]:
    """Pair `index` of the real-image test (P §6.5): its record and pictures [2, H, W, 3]."""
    rng = np.random.default_rng([seed, index, 1])  # another stream than render_one's
    for _ in range(RESTARTS):
        scene = sample_scene(scenes, rng, index, "real")
        change = edits.change_one_attribute(scene, scenes, rng)
        if change is None:
            continue
        seen = [
            all_visible(instances(one, scenes), len(one["objects"]), scenes)
            for one in (scene, change["edited"])
        ]
        if all(seen):
            return {"scene": scene, **change}, np.stack(
                [picture(one, scenes) for one in (scene, change["edited"])]
            )
    raise cannot_fit(scenes)


def render_exchange(scenes: Scenes, seed: int, index: int) -> tuple[dict | None, np.ndarray]:
    """Pair `index` of two scenes in which two objects have exchanged one thing: its record, and
    pictures [2, H, W, 3].

    What is exchanged goes through facts.EXCHANGES in turn. None and no picture where the world
    hardly ever has such a pair.
    """
    rng = np.random.default_rng([seed, index, 2])  # another stream than the other two's
    several = scenes.model_copy(update={"min_objects": max(2, scenes.min_objects)})
    kind = EXCHANGES[index % len(EXCHANGES)]
    for _ in range(RESTARTS):
        scene = sample_scene(several, rng, index, "real")
        change = edits.exchange(scene, scenes, kind, rng)
        if change is None:
            continue
        both = (scene, change["edited"])
        if all(all_visible(instances(one, scenes), len(one["objects"]), scenes) for one in both):
            pictures = np.stack([picture(one, scenes) for one in both])
            return {"scene": scene, **change}, pictures
    return None, np.empty((0, scenes.resolution, scenes.resolution, 3), np.uint8)


def render_all(
    function: Callable[[Scenes, int, int], T], scenes: Scenes, seed: int, count: int, first: int = 0
) -> Iterator[T]:
    """`function(scenes, seed, index)` for every index from `first` on, in order, on all cores."""
    if first < count:
        task = Task(
            partial(function, scenes, seed), lambda index: f"rendering scene {index}", chunk=8
        )
        yield from ordered(task, range(first, count), get_context("spawn"))
