"""Sliced Wasserstein distance between two sets of pictures (K §5), without a pretrained network."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import fitted, to_images
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import draw, drawn_at_once

PATCH = 7  # K: 7×7 neighbourhoods
PATCHES = 32  # ours: a picture and level (K: 128), enough at these sizes
DIRECTIONS = 128  # ours: random projections (K: 4 × 128)
SMALLEST = 16  # K: the coarsest level of the pyramid
BATCH = 64  # drawings at once, on CPUs


def laplacian_pyramid(images: Tensor) -> list[Tensor]:
    """Band-pass levels of [N, 3, H, W], finest first, down to 16×16, or to the pictures' own size
    where that is smaller."""
    levels = []
    while images.shape[-1] > SMALLEST:
        coarse = F.avg_pool2d(images, 2)
        levels.append(images - F.interpolate(coarse, scale_factor=2, mode="bilinear"))
        images = coarse
    return [*levels, images]


def descriptors(images: Tensor, rng: torch.Generator) -> Tensor:
    """Random patches as vectors [N·PATCHES, 3·49], each colour channel normalised to mean 0 and
    deviation 1 (K)."""
    patches = F.unfold(images, PATCH)
    picked = torch.randint(patches.shape[2], (len(images), 1, PATCHES), generator=rng).to(
        images.device
    )
    vectors = patches.gather(2, picked.expand(-1, patches.shape[1], -1)).transpose(1, 2)
    vectors = vectors.reshape(-1, 3, PATCH * PATCH)
    mean, deviation = vectors.mean((0, 2), keepdim=True), vectors.std((0, 2), keepdim=True)
    return ((vectors - mean) / (deviation + 1e-8)).flatten(1)


def sliced_wasserstein(first: Tensor, second: Tensor, seed: int) -> list[float]:
    """The distance × 1000 (as K prints it) at each pyramid level, finest first.

    first, second: as many pictures each, [N, 3, H, W].
    """
    rng = torch.Generator().manual_seed(seed)
    distances = []
    for one, other in zip(laplacian_pyramid(first), laplacian_pyramid(second), strict=True):
        state = rng.get_state()
        a = descriptors(one, rng)
        rng.set_state(state)  # the same patches in both sets: a set is at distance 0 from itself
        b = descriptors(other, rng)
        axes = F.normalize(torch.randn(a.shape[1], DIRECTIONS, generator=rng).to(a.device), dim=0)
        sorted_a, sorted_b = (a @ axes).sort(0).values, (b @ axes).sort(0).values
        distances.append(float((sorted_a - sorted_b).abs().mean()) * 1000)
    return distances


def distance_of_drawings(
    generator: Generator, images: np.ndarray, count: int, seed: int
) -> list[float]:
    """The distance between the first `count` of pictures uint8 [N, H, W, 3] and as many drawings,
    at each pyramid level, finest first; of all pictures where there are fewer."""
    count = min(count, len(images))
    rng = torch.Generator().manual_seed(seed + 1)
    latents = torch.randn(count, generator.latent_dim, generator=rng)
    drawn = to_images(draw(generator, latents, drawn_at_once(generator, BATCH)))
    pictures = fitted(to_images(images[:count]), drawn.shape[-1])
    return sliced_wasserstein(pictures, drawn, seed)
