"""Which units draw a concept (G; P §4.2): agreement between where a unit is on and where the concept is seen."""

from torch import Tensor


def unit_thresholds(activations: Tensor, top_share: float) -> Tensor:
    """The value [C] above which each unit's top share of activations [N, C, h, w] lies; exact, by topk (G approximates)."""
    flat = activations.transpose(0, 1).flatten(1)
    count = max(1, round(top_share * flat.shape[1]))
    return flat.topk(count, 1).values[:, -1]


def agreement(units_on: Tensor, concepts_on: Tensor) -> Tensor:
    """Intersection over union of every concept [K, P] with every unit [C, P] over the same places P: [K, C].

    One matrix product replaces a count per picture.
    """
    units, concepts = units_on.float(), concepts_on.float()
    both = concepts @ units.T
    either = concepts.sum(1)[:, None] + units.sum(1)[None] - both
    return both / either.clamp(min=1)
