"""train-gan: the pictures of data/scenes -> data/generator (EMA weights, sample grids over time), curves and distances."""

import numpy as np
import torch

from wordbrush.data.images import to_images
from wordbrush.gan.networks import resolutions
from wordbrush.gan.sampling import draw
from wordbrush.gan.swd import sliced_wasserstein
from wordbrush.gan.training import CURVES, train
from wordbrush.params import Params
from wordbrush.process import is_main
from wordbrush.storage.files import open_array, whole_directory, write_csv, write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.weights import save_network
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import precision


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    size = params.scenes.resolution
    clevr = layout.scenes / "gan_images.npy"
    source = clevr if params.scenes.source == "clevr" else layout.scenes / "images.npy"
    images = open_array(source, "uint8", (None, size, size, 3))
    with precision(params.precision):
        average, history = train(
            params.gan,
            images,
            params.seed,
            lambda generator: float(np.mean(distance(params, images, generator))),
            checkpoints,
        )
    if not is_main():
        return
    levels = distance(params, images, average)
    with whole_directory(layout.generator) as folder:
        save_network(folder, "generator", average, average.config)
        np.save(folder / "grids.npy", np.stack(history.grids))
        kimg, resolution, *_ = zip(*history.curves, strict=True)
        write_json(folder / "grids.json", {"kimg": kimg, "resolution": resolution})
    write_csv(layout.plots("gan"), CURVES, history.curves)
    write_csv(layout.plots("gan_swd"), ("kimg", "swd"), history.distances)
    scales = {
        str(scale): round(value, 3)
        for scale, value in zip(reversed(resolutions(size)), levels, strict=False)
    }
    write_json(layout.metrics("gan"), {"swd": {**scales, "mean": round(float(np.mean(levels)), 3)}})


def distance(params: Params, images: np.ndarray, generator: torch.nn.Module) -> list[float]:
    """Sliced Wasserstein distance between the first pictures and as many drawings, at each level."""
    count = min(params.gan.swd_images, len(images))
    latents = torch.randn(
        count, params.gan.latent_dim, generator=torch.Generator().manual_seed(params.seed + 1)
    )
    return sliced_wasserstein(
        to_images(images[:count]), to_images(draw(generator, latents, 64)), params.seed
    )
