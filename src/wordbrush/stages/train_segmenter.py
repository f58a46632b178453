"""train-segmenter: pictures and masks of data/scenes -> data/segmenter, its held-out accuracy and confusions."""

import numpy as np

from wordbrush.params import Params
from wordbrush.process import is_main
from wordbrush.scenes.records import Scene, SceneFile
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.network import MAX_OBJECTS, SIZES
from wordbrush.segmenter.parsing import parse
from wordbrush.segmenter.training import train
from wordbrush.storage.files import (
    open_array,
    read_json,
    require_counts,
    whole_directory,
    write_csv,
    write_json,
)
from wordbrush.storage.layout import Layout
from wordbrush.storage.weights import save_network
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import precision


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    images, instances, attributes, scenes = read_scenes(params, layout)
    kept = max(1, round(len(images) * (1 - params.segmenter.held_out)))
    with precision(params.precision):
        network, curve = train(
            params.segmenter,
            images[:kept],
            instances[:kept],
            attributes[:kept],
            params.seed,
            checkpoints,
        )
    if not is_main():
        return
    metrics, confusion = score(
        parse(network, images[kept:]), scenes[kept:], params.scenes.resolution
    )
    with whole_directory(layout.segmenter) as folder:
        save_network(folder, "segmenter", network, network.config)
    write_csv(layout.plots("segmenter_training"), ("step", "loss"), curve)
    write_csv(layout.plots("segmenter_confusion"), ("actual", "predicted"), confusion)
    write_json(layout.metrics("segmenter"), metrics)


def read_scenes(
    params: Params, layout: Layout
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[Scene]]:
    """Pictures, instance masks and attribute masks with values that exist, and as many scenes."""
    size = params.scenes.resolution
    images = open_array(layout.scenes / "images.npy", "uint8", (None, size, size, 3))
    instances = open_array(
        layout.scenes / "instances.npy", "uint8", (len(images), size, size), most=MAX_OBJECTS
    )
    attributes = open_array(
        layout.scenes / "attributes.npy", "uint8", (len(images), 4, size, size), most=SIZES
    )
    scenes = read_json(layout.scenes / "scenes.json", SceneFile)["scenes"]
    require_counts(layout.scenes, pictures=len(images), scenes=len(scenes))
    return images, instances, attributes, scenes


def score(
    parsed: list[list[dict]], scenes: list[Scene], size: int
) -> tuple[dict[str, float], list[tuple[str, str]]]:
    """Percent of held-out scenes with the right number of objects, of objects found, and of attributes right on these.

    An object is found when a parsed one lies within a tenth of the picture of its centre; the nearest counts.
    """
    right = {name: [] for name in ATTRIBUTES}
    found, counts, confusion = [], [], []
    for objects, scene in zip(parsed, scenes, strict=True):
        counts.append(len(objects) == len(scene["objects"]))
        places = np.array([[thing["x"], thing["y"]] for thing in objects]).reshape(-1, 2)
        for truth in scene["objects"]:
            away = np.linalg.norm(places - truth["pixel_coords"][:2], axis=1)
            found.append(bool(len(away)) and away.min() < size / 10)
            if found[-1]:
                nearest = objects[int(away.argmin())]
                for name in ATTRIBUTES:
                    right[name].append(nearest[name] == truth[name])
                    confusion.append((truth[name], nearest[name]))
    shares = {**right, "found": found, "count": counts}
    metrics = {
        name: round(100 * float(np.mean(values)), 2) if values else 0.0
        for name, values in shares.items()
    }
    return metrics, confusion or [("none", "none")]
