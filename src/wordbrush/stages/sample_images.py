"""sample-images: data/generator -> data/samples (latents and the pictures they draw).

With `samples.min_certainty` only drawings that the segmenter can read are kept: a person who describes pictures skips the others.
With `samples.source: renderer` the pictures are rendered scenes, each with a counterfactual that differs in one attribute (P §6.5).
"""

import numpy as np
import torch

from wordbrush.captions.grammar import describable
from wordbrush.data.splits import split_ranges
from wordbrush.errors import WordbrushError
from wordbrush.gan.sampling import draw, load_generator
from wordbrush.params import Params
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.storage.files import whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import Progress, track
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device
from wordbrush.training.memory import require_memory

BATCH = 64
PATIENCE = 50  # drawings a describable one


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    count = split_ranges(params.samples)["semantic"].stop
    require_memory(
        f"{count} pictures",
        2 * count * (params.scenes.resolution**2 * 3 + params.gan.latent_dim * 4),
        "lower the numbers of samples",
    )
    share = 1.0
    if params.samples.source == "renderer":
        images, counterfactuals = rendered(params, count, checkpoints)
        arrays = {"images": images, "counterfactuals": counterfactuals}
    else:
        latents, images, share = describable_drawings(params, layout, count, params.seed)
        arrays = {"latents": latents, "images": images}
    with whole_directory(layout.samples) as folder:
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
    write_json(layout.metrics("samples"), {"describable": round(100 * share, 2)})


def describable_drawings(
    params: Params, layout: Layout, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """So many latents [N, Z] and the describable pictures that they draw, uint8 [N, H, W, 3]; the share of drawings that are.

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
                kept = np.array(
                    [
                        describable(objects, params.segmenter.min_confidence, least)
                        for objects in read
                    ]
                )
            latents.append(z.numpy()[kept])
            images.append(pictures[kept])
            progress.advance(min(kept.sum(), count - found))
            found, tried = found + int(kept.sum()), tried + BATCH
            if tried > PATIENCE * (found + BATCH):
                raise WordbrushError(
                    f"of {tried} drawings only {found} are describable. Train the GAN for longer "
                    "(gan.stable_kimg), or lower samples.min_certainty."
                )
    return np.concatenate(latents)[:count], np.concatenate(images)[:count], found / tried


def rendered(params: Params, count: int, checkpoints: Checkpoints) -> tuple[np.ndarray, np.ndarray]:
    """Scenes and their counterfactuals, uint8 [N, H, W, 3]; other scenes than those of the real-image test."""
    from wordbrush.scenes.render import render_all, render_pair

    tested = params.scenes.real_pairs  # whose numbers come first

    def pairs(first: int):
        return render_all(render_pair, params.scenes, params.seed, tested + count, tested + first)

    pictures = checkpoints.continued("pictures", pairs)
    both = np.stack([pair for _, pair in track(pictures, "rendering samples", count, "pair")])
    return both[:, 0], both[:, 1]
