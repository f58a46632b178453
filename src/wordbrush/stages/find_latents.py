"""find-latents: data/generator, pictures of a collection -> data/latents, from which the generator
draws them as far as it can. Edits begin there."""

from collections.abc import Iterator

import numpy as np
import torch

from wordbrush.data.images import fitted, to_images
from wordbrush.gan.inversion import BATCH, find_latents
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import draw, load_generator
from wordbrush.params import Params
from wordbrush.storage.files import open_array, whole_directory, write_json
from wordbrush.storage.growing import write_growing
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import track
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import algorithms, device

MEASURED = 1024  # pictures, the first


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Find them, and measure how far the drawings are from the pictures."""
    generator = load_generator(layout.generator, device())
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    count = -(-len(images) // BATCH)

    def found(first: int) -> Iterator[np.ndarray]:
        return find_latents(generator, images, params.latents, params.seed, first)

    with whole_directory(layout.latents) as folder:
        with algorithms(params.deterministic):
            batches = checkpoints.continued("latents", found)
            write_growing(folder / "latents.npy", track(batches, "finding latents", count, "batch"))
        latents = np.load(folder / "latents.npy", mmap_mode="r")
        distances = measure(generator, images[:MEASURED], torch.tensor(latents[:MEASURED]))
    write_json(layout.metrics("latents"), distances)


def measure(generator: Generator, images: np.ndarray, latents: torch.Tensor) -> dict[str, float]:
    """How far drawings are from their pictures, and from other pictures, in percent of the range of
    values: mean absolute differences."""
    drawn = to_images(draw(generator, latents, BATCH))
    pictures = fitted(to_images(images), drawn.shape[-1])
    own, others = ((drawn - one).abs().mean() / 2 for one in (pictures, pictures.roll(1, 0)))
    return {"own": round(100 * float(own), 2), "others": round(100 * float(others), 2)}
