"""train-segmenter: pictures and masks of data/scenes -> data/segmenter.

Metrics are its accuracy on held-out scenes; plots, its loss and what it confuses.
"""

import numpy as np

from wordbrush.params import Params
from wordbrush.process import is_main
from wordbrush.scenes.records import Scene, SceneFile
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.network import MAX_OBJECTS, SIZES
from wordbrush.segmenter.parsing import parse
from wordbrush.segmenter.scoring import score
from wordbrush.segmenter.training import LabelledPictures, train
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
from wordbrush.training.conditions import as_chosen, for_device


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Train on all scenes but the held-out last ones, and score on these."""
    images, instances, attributes, scenes = read_scenes(params, layout)
    kept = max(1, round(len(images) * (1 - params.segmenter.held_out)))
    with as_chosen(params):
        data = LabelledPictures(images[:kept], instances[:kept], attributes[:kept])
        network, curve = train(for_device(params).segmenter, data, params.seed, checkpoints)
    if not is_main():
        return
    metrics, confusion = score(
        parse(network, images[kept:]), scenes[kept:], params.scenes.resolution, list(ATTRIBUTES)
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
        layout.scenes / "attributes.npy", "uint8", (len(images), len(SIZES), size, size), most=SIZES
    )
    scenes = read_json(layout.scenes / "scenes.json", SceneFile)["scenes"]
    require_counts(layout.scenes, pictures=len(images), scenes=len(scenes))
    return images, instances, attributes, scenes
