"""sample-images: data/generator -> data/samples (latents and the pictures they draw).

With `samples.source: renderer` the pictures are rendered scenes, each with a twin that differs in one attribute (P §6.5).
"""

import numpy as np
import torch

from wordbrush.drawing.sampling import draw, load_generator
from wordbrush.params import Params
from wordbrush.runtime.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.runtime.compute import device
from wordbrush.runtime.files import whole_directory
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.memory import require_memory
from wordbrush.runtime.progress import track
from wordbrush.runtime.splits import split_ranges

BATCH = 64


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    count = split_ranges(params.samples)["semantic"].stop
    require_memory(f"{count} pictures", 2 * count * (params.scenes.resolution**2 * 3 + params.gan.latent_dim * 4),
                   "lower the numbers of samples")
    arrays = rendered(params, count, checkpoints) if params.samples.source == "renderer" else drawn(params, layout, count)
    with whole_directory(layout.samples) as folder:
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)


def drawn(params: Params, layout: Layout, count: int) -> dict[str, np.ndarray]:
    """Latents [N, Z] and the pictures that they draw, uint8 [N, H, W, 3]."""
    generator = load_generator(layout.generator, device())
    rng = torch.Generator().manual_seed(params.seed)
    latents = torch.randn(count, generator.latent_dim, generator=rng)
    parts = latents.split(BATCH)
    images = [draw(generator, part, BATCH) for part in track(parts, "drawing", len(parts), "batch")]
    return {"latents": latents.numpy(), "images": np.concatenate(images)}


def rendered(params: Params, count: int, checkpoints: Checkpoints) -> dict[str, np.ndarray]:
    """Scenes and their twins, uint8 [N, H, W, 3]; other scenes than those of the real-image test."""
    from wordbrush.scenes.render import render_all, render_pair
    tested = params.scenes.real_pairs   # whose numbers come first

    def pairs(first: int):
        return render_all(render_pair, params.scenes, params.seed, tested + count, tested + first)

    pictures = checkpoints.continued("pictures", pairs)
    both = np.stack([pair for _, pair in track(pictures, "rendering samples", count, "pair")])
    return {"images": both[:, 0], "twins": both[:, 1]}
