"""Which units draw a concept (G; P §4.2): agreement between where a unit is on and where the concept is seen."""

import torch
from torch import Tensor

UNITS = 32  # whose activations are gathered at a time


def unit_thresholds(activations: Tensor, top_share: float) -> Tensor:
    """The value [C] above which each unit's top share of activations [N, C, h, w] lies; exact, by topk (G approximates)."""
    count = max(1, round(top_share * activations[:, 0].numel()))
    return torch.cat(
        [
            some.transpose(0, 1).flatten(1).topk(count, 1, sorted=False).values.amin(1)
            for some in activations.split(UNITS, 1)
        ]
    )


def agreement(units_on: Tensor, concepts_on: Tensor) -> Tensor:
    """Intersection over union of every concept [K, P] with every unit [C, P] over the same places P: [K, C].

    One matrix product replaces a count per picture.
    """
    units, concepts = units_on.float(), concepts_on.float()
    both = concepts @ units.T
    either = concepts.sum(1)[:, None] + units.sum(1)[None] - both
    return both / either.clamp(min=1)
