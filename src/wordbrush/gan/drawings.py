"""Drawings that serve as samples: all, or those that could be described without guessing."""

from collections.abc import Callable
from functools import partial

import numpy as np

from wordbrush.errors import WordbrushError
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import LATENTS, drawn, latent_blocks, load_generator
from wordbrush.params import Params
from wordbrush.segmenter.network import Segmenter, load_segmenter
from wordbrush.segmenter.parsing import describable, parse
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import Progress
from wordbrush.training.compute import device, device_of
from wordbrush.training.graphs import repeated

PATIENCE = 50  # drawings tried for each one that is kept

Keep = Callable[[np.ndarray], np.ndarray]
"""Pictures uint8 [N, H, W, 3] -> which of them to keep, bool [N]."""
Drawings = tuple[np.ndarray, np.ndarray, float]
"""Latents float32 [N, Z], the pictures uint8 [N, H, W, 3] they draw, and the share of all drawings
that was kept."""


def describable_drawings(params: Params, layout: Layout, count: int, seed: int) -> Drawings:
    """Draw `count` pictures; where `samples.min_certainty` asks for it, only describable ones.

    A person who describes pictures would skip the others. Raises WordbrushError where hardly any
    drawing is describable.
    """
    keep = None
    if params.samples.min_certainty:
        segmenter = load_segmenter(layout.segmenter, device())
        least = params.segmenter.min_confidence, params.samples.min_certainty
        keep = partial(which_are_describable, segmenter, *least)
    return kept_drawings(load_generator(layout.generator, device()), count, seed, keep)


def which_are_describable(
    segmenter: Segmenter, min_confidence: float, min_certainty: float, pictures: np.ndarray
) -> np.ndarray:
    """Which pictures uint8 [N, H, W, 3] the segmenter could describe without guessing: bool [N]."""
    return np.array(
        [describable(one, min_confidence, min_certainty) for one in parse(segmenter, pictures)]
    )


def kept_drawings(
    generator: Generator,
    count: int,
    seed: int,
    keep: Keep | None,
    limit: str = "samples.min_certainty",
) -> Drawings:
    """Draw until `count` pictures are kept.

    limit: the parameter that `keep` asks for. Raises WordbrushError where that would take for ever.
    """
    blocks = latent_blocks(generator.latent_dim, seed)
    step, where = repeated(generator), device_of(generator)
    latents, images, found, tried = [], [], 0, 0
    with Progress("drawing", count, "picture") as progress:
        while found < count:
            z = next(blocks)
            pictures = drawn(step, z, where)
            kept = keep(pictures) if keep else np.ones(LATENTS, bool)
            latents.append(z.numpy()[kept])
            images.append(pictures[kept])
            progress.advance(min(kept.sum(), count - found))
            found, tried = found + int(kept.sum()), tried + LATENTS
            if tried > PATIENCE * (found + LATENTS):
                raise WordbrushError(
                    f"of {tried} drawings only {found} are describable. Train the GAN for longer "
                    f"(gan.stable_kimg), or lower {limit}."
                )
    return np.concatenate(latents)[:count], np.concatenate(images)[:count], found / tried
