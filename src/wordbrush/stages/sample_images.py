"""sample-images: data/generator -> data/samples (latents and the pictures they draw).

With `samples.min_certainty` only drawings that the segmenter can read are kept: a person who describes pictures skips the others.
With `samples.source: renderer` the pictures are rendered scenes, each with a twin that differs in one attribute (P §6.5).
"""

import numpy as np
import torch

from wordbrush.drawing.sampling import draw, load_generator
from wordbrush.params import Params
from wordbrush.runtime.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.runtime.compute import device
from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import whole_directory, write_json
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.memory import require_memory
from wordbrush.runtime.progress import Progress, track
from wordbrush.runtime.splits import split_ranges
from wordbrush.scenes.segmenter import load_segmenter, parse
from wordbrush.speech.grammar import legible

BATCH = 64
PATIENCE = 50   # drawings a legible one


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    count = split_ranges(params.samples)["semantic"].stop
    require_memory(f"{count} pictures", 2 * count * (params.scenes.resolution**2 * 3 + params.gan.latent_dim * 4),
                   "lower the numbers of samples")
    share = 1.0
    if params.samples.source == "renderer":
        images, twins = rendered(params, count, checkpoints)
        arrays = {"images": images, "twins": twins}
    else:
        latents, images, share = legible_drawings(params, layout, count, params.seed)
        arrays = {"latents": latents, "images": images}
    with whole_directory(layout.samples) as folder:
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
    write_json(layout.metrics("samples"), {"legible": round(100 * share, 2)})


def legible_drawings(params: Params, layout: Layout, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """So many latents [N, Z] and the legible pictures that they draw, uint8 [N, H, W, 3]; the share of drawings that are.

    Raises WordbrushError where hardly any is.
    """
    generator, least = load_generator(layout.generator, device()), params.samples.min_certainty
    segmenter = load_segmenter(layout.segmenter, device()) if least else None
    rng = torch.Generator().manual_seed(seed)
    latents, images, found, tried = [], [], 0, 0
    with Progress("drawing", count, "picture") as progress:
        while found < count:
            z = torch.randn(BATCH, generator.latent_dim, generator=rng)
            pictures, kept = draw(generator, z, BATCH), np.ones(BATCH, bool)
            if segmenter:
                read = parse(segmenter, pictures)
                kept = np.array([legible(objects, params.segmenter.min_confidence, least) for objects in read])
            latents.append(z.numpy()[kept])
            images.append(pictures[kept])
            progress.advance(min(kept.sum(), count - found))
            found, tried = found + int(kept.sum()), tried + BATCH
            if tried > PATIENCE * (found + BATCH):
                raise WordbrushError(f"of {tried} drawings only {found} are legible. Train the GAN for longer "
                                     "(gan.stable_kimg), or lower samples.min_certainty.")
    return np.concatenate(latents)[:count], np.concatenate(images)[:count], found / tried


def rendered(params: Params, count: int, checkpoints: Checkpoints) -> tuple[np.ndarray, np.ndarray]:
    """Scenes and their twins, uint8 [N, H, W, 3]; other scenes than those of the real-image test."""
    from wordbrush.scenes.render import render_all, render_pair
    tested = params.scenes.real_pairs   # whose numbers come first

    def pairs(first: int):
        return render_all(render_pair, params.scenes, params.seed, tested + count, tested + first)

    pictures = checkpoints.continued("pictures", pairs)
    both = np.stack([pair for _, pair in track(pictures, "rendering samples", count, "pair")])
    return both[:, 0], both[:, 1]
