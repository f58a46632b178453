"""Latents from which a generator draws pictures that it did not draw, as far as it can.

The field calls it inversion. The search starts from the most similar of some drawings, and follows
the gradient of the difference (Zhu et al., Generative Visual Manipulation, ECCV 2016), on all
scales from the full size to 8×8, so that it finds its way where details do not overlap.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import fitted, scaled
from wordbrush.gan.networks import Generator, halve
from wordbrush.gan.sampling import LATENTS, latent_blocks
from wordbrush.params import Latents
from wordbrush.training.compute import device_of, to_device

BATCH = 64  # pictures at once
COARSEST = 8


def find_latents(
    generator: Generator, images: np.ndarray, settings: Latents, seed: int, first: int = 0
) -> Iterator[np.ndarray]:
    """Latents float32 [n, Z] of pictures uint8 [N, H, W, 3], batch by batch, from batch `first`
    on. What is found of a picture does not depend on where the search began."""
    candidates, looks = drawn_candidates(generator, settings.candidates, seed)
    for start in range(first * BATCH, len(images), BATCH):
        pictures = own_size(generator, images[start : start + BATCH])
        nearest = torch.cdist(coarse(pictures).flatten(1), looks).argmin(1)
        yield fit(generator, pictures, candidates[nearest], settings).cpu().numpy()


def own_size(generator: Generator, images: np.ndarray) -> Tensor:
    """Pictures uint8 [N, H, W, 3] as the generator would draw them: [N, 3, R, R], where it is."""
    pictures = scaled(to_device(torch.from_numpy(np.array(images)), device_of(generator)))
    return fitted(pictures, generator.config.resolution)


def drawn_candidates(generator: Generator, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random latents [C, Z], and their drawings at the coarsest scale [C, 3·8·8]."""
    blocks = latent_blocks(generator.latent_dim, seed)
    latents = torch.cat([next(blocks) for _ in range(-(-count // LATENTS))])[:count]
    latents = latents.to(device_of(generator))
    with torch.no_grad():
        looks = [coarse(generator(part)).flatten(1) for part in latents.split(LATENTS)]
    return latents, torch.cat(looks)


def coarse(images: Tensor) -> Tensor:
    """[N, 3, H, W] -> [N, 3, 8, 8]"""
    return F.adaptive_avg_pool2d(images, COARSEST)


def fit(generator: Generator, pictures: Tensor, start: Tensor, settings: Latents) -> Tensor:
    """Latents [N, Z] that draw pictures [N, 3, H, W] better and better, from `start` on."""
    latents = start.clone().requires_grad_()
    adam = torch.optim.Adam([latents], lr=settings.learning_rate)
    for _ in range(settings.steps):
        adam.zero_grad()
        difference(generator(latents), pictures).sum().backward()
        adam.step()
    return latents.detach()


def difference(drawn: Tensor, pictures: Tensor) -> Tensor:
    """Of each pair of pictures [N, 3, H, W]: the mean square on every scale, added up: [N]."""
    total = (drawn - pictures).square().mean((1, 2, 3))
    while drawn.shape[-1] > COARSEST:
        drawn, pictures = halve(drawn), halve(pictures)
        total = total + (drawn - pictures).square().mean((1, 2, 3))
    return total
