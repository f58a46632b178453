"""Which units draw a concept (G; P §4.2).

A unit agrees with a concept as far as it is on where the concept is seen.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import drawn_at_once, encode

UNITS = 32  # whose activations are gathered at a time
DRAWN = 256  # latents at a time, on CPUs


def generator_agreement(
    generator: Generator, latents: np.ndarray, concepts_on: Tensor, resolution: int, share: float
) -> Tensor:
    """IoU of every concept with every unit of the generator's layer of this resolution: [K, C].

    latents float32 [N, Z]; concepts_on bool [K, N, h, w], where each concept is seen in the
    pictures that the latents draw. A unit is on in its top share of activations.
    """
    batch = drawn_at_once(generator, DRAWN)
    h4 = encode(generator, torch.from_numpy(np.array(latents)), resolution, batch)
    on = h4 >= unit_thresholds(h4, share)[None, :, None, None]
    # P upsamples the unit; at the demo's sizes the two grids are one
    if concepts_on.shape[-1] != h4.shape[-1]:
        on = F.interpolate(on.float(), size=concepts_on.shape[-2:], mode="nearest") > 0
    return agreement(on.transpose(0, 1).flatten(1), concepts_on.flatten(1))


def unit_thresholds(activations: Tensor, top_share: float) -> Tensor:
    """The value [C] above which each unit's top share of activations [N, C, h, w] lies.

    Exact, by topk (G approximates).
    """
    count = max(1, round(top_share * activations[:, 0].numel()))
    return torch.cat(
        [
            some.transpose(0, 1).flatten(1).topk(count, 1, sorted=False).values.amin(1)
            for some in activations.split(UNITS, 1)
        ]
    )


def agreement(units_on: Tensor, concepts_on: Tensor) -> Tensor:
    """IoU of every concept [K, P] with every unit [C, P] over the same P cells: [K, C].

    One matrix product replaces a count per picture.
    """
    units, concepts = units_on.float(), concepts_on.float()
    both = concepts @ units.T
    either = concepts.sum(1)[:, None] + units.sum(1)[None] - both
    return both / either.clamp(min=1)
