"""Editing a drawing by ablating units of the fourth layer (P §4): all in batches, on the device of the generator."""

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.drawing.networks import Generator
from wordbrush.params import Edits
from wordbrush.runtime.parallel import shard, whole


def ablate(h4: Tensor, units: Tensor, where: Tensor) -> Tensor:
    """Zero the chosen units [N, C] at the chosen cells [N, h, w] of h4 [N, C, h, w]; all else stays (P §4.1)."""
    return h4.masked_fill(units[:, :, None, None] & where[:, None], 0)


def spot(places: Tensor, radius: int, size: int) -> Tensor:
    """The cells within `radius` of the places (y, x) [N, 2], as a mask [N, size, size]."""
    along = torch.arange(size, device=places.device)
    near = (along[None, None] - places[:, :, None]).abs() <= radius  # [N, 2, size]
    return near[:, 0, :, None] & near[:, 1, None, :]


def changed(before: Tensor, after: Tensor, min_change: float) -> Tensor:
    """Whether pictures [N, 3, H, W] differ: the mean absolute change, of 1, in the most changed cell of an 8×8 grid [N]."""
    difference = (before - after).abs().mean(1, keepdim=True) / 2
    return F.adaptive_avg_pool2d(difference, min(8, difference.shape[-1])).flatten(1).amax(1) >= min_change


def random_edit(generator: Generator, h4: Tensor, original: Tensor, where: Tensor, edits: Edits,
                rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Ablate every unit with probability p at the salient cells; p rises until the picture differs (P §5.4).

    h4 [N, C, h, w], original [N, 3, H, W], where [N, h, w]. Returns the edited pictures and whether each differs [N]. A unit
    once drawn stays drawn as p rises, so an edit only grows.
    """
    draws = shard(torch.rand(whole(len(h4)), h4.shape[1], generator=rng)).to(h4.device)
    edited = generator.decode(ablate(h4, draws < edits.probability, where))
    differs = changed(original, edited, edits.min_change)
    chance = edits.probability
    while chance < 1 and not differs.all():
        chance = min(1.0, chance + edits.probability_step)
        rest = (~differs).nonzero().squeeze(1)
        edited[rest] = generator.decode(ablate(h4[rest], draws[rest] < chance, where[rest]))
        differs[rest] = changed(original[rest], edited[rest], edits.min_change)
    return edited, differs


def targeted_edit(generator: Generator, h4: Tensor, units: Tensor, where: Tensor) -> Tensor:
    """Ablate the units [N, C] of a concept at the salient cells [N, h, w]: the edited pictures (P §5.6)."""
    return generator.decode(ablate(h4, units, where))
