"""sample-images: data/generator -> data/samples (latents and the pictures they draw)."""

import numpy as np
import torch

from wordbrush.drawing.sampling import draw, load_generator
from wordbrush.params import Params
from wordbrush.runtime.compute import device
from wordbrush.runtime.files import whole_directory
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.memory import require_memory
from wordbrush.runtime.progress import track
from wordbrush.runtime.splits import split_ranges

BATCH = 64


def run(params: Params, layout: Layout) -> None:
    generator = load_generator(layout.generator, device())
    count = split_ranges(params.samples)["semantic"].stop
    require_memory(f"{count} drawings", 2 * count * params.scenes.resolution**2 * 3 + count * generator.latent_dim * 4,
                   "lower the numbers of samples")
    rng = torch.Generator().manual_seed(params.seed)
    latents = torch.randn(count, generator.latent_dim, generator=rng)
    parts = latents.split(BATCH)
    images = [draw(generator, part, BATCH) for part in track(parts, "drawing", len(parts), "batch")]
    with whole_directory(layout.samples) as folder:
        np.save(folder / "latents.npy", latents.numpy())
        np.save(folder / "images.npy", np.concatenate(images))
