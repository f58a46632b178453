"""train-gan: pictures of data/scenes, or of a collection -> data/generator, its curves and its
distance to them.

data/generator has the moving average of the weights and grids of samples over time.
"""

from functools import partial

import numpy as np

from wordbrush.data.manifest import first_pictures
from wordbrush.gan.networks import resolutions
from wordbrush.gan.swd import distance_of_drawings
from wordbrush.gan.training import CURVES, train
from wordbrush.params import Params
from wordbrush.process import is_main
from wordbrush.storage.files import open_array, whole_directory, write_csv, write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.weights import save_network
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.conditions import as_chosen, for_device


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Train the GAN; where several processes train it, the first one writes."""
    size, images = params.scenes.resolution, read_pictures(params, layout)
    distance = partial(
        distance_of_drawings, images=images, count=params.gan.swd_images, seed=params.seed
    )
    with as_chosen(params):
        average, history = train(
            for_device(params).gan,
            images,
            size,
            params.seed,
            lambda generator: float(np.mean(distance(generator))),
            checkpoints,
        )
    if not is_main():
        return
    with whole_directory(layout.generator) as folder:
        save_network(folder, "generator", average, average.config)
        np.save(folder / "grids.npy", np.stack(history.grids))
        kimg, resolution, *_ = zip(*history.curves, strict=True)
        write_json(folder / "grids.json", {"kimg": kimg, "resolution": resolution})
    write_csv(layout.plots("gan"), CURVES, history.curves)
    write_csv(layout.plots("gan_swd"), ("kimg", "swd"), history.distances)
    levels = distance(average)
    scales = {
        str(scale): round(value, 3)
        for scale, value in zip(reversed(resolutions(size)), levels, strict=False)
    }
    write_json(layout.metrics("gan"), {"swd": {**scales, "mean": round(float(np.mean(levels)), 3)}})


def read_pictures(params: Params, layout: Layout) -> np.ndarray:
    """What is to be drawn, uint8 [N, H, H, 3]: scenes, or a collection's pictures for training, of
    which H is `davenet.image_size` and the generator learns them at its own."""
    if params.graph == "redrawn":
        images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
        return images[: first_pictures(layout.features)]
    size = params.scenes.resolution
    clevr = layout.scenes / "gan_images.npy"
    source = clevr if params.scenes.source == "clevr" else layout.scenes / "images.npy"
    return open_array(source, "uint8", (None, size, size, 3))
