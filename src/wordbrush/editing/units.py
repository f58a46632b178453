"""Editing a drawing by giving units of the fourth layer other values (P §4): all in batches, on the device of the generator."""

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.gan.networks import Generator
from wordbrush.params import Edits


def replace(h4: Tensor, units: Tensor, where: Tensor, values: Tensor) -> Tensor:
    """Give the chosen units [N, C] at the chosen cells [N, h, w] of h4 [N, C, h, w] these values of its shape; all else stays.

    Zeros ablate (P §4.1; G); another drawing's values transplant.
    """
    like_h4 = torch.empty_like(
        h4
    )  # channels last if it is: else the rest of the generator would run without
    return torch.where(units[:, :, None, None] & where[:, None], values, h4, out=like_h4)


def moved(h4: Tensor, by: Tensor) -> Tensor:
    """h4 [N, C, h, w] moved by so many cells (y, x) [N, 2]; what comes in repeats the border."""
    size = h4.shape[-1]
    along = torch.arange(size, device=h4.device)
    rows, columns = ((along - by[:, axis, None]).clamp(0, size - 1) for axis in (0, 1))  # [N, size]
    down = h4.gather(2, rows[:, None, :, None].expand_as(h4))
    return down.gather(3, columns[:, None, None, :].expand_as(h4))


def spot(places: Tensor, radius: int, size: int) -> Tensor:
    """The cells within `radius` of the places (y, x) [N, 2], as a mask [N, size, size]."""
    along = torch.arange(size, device=places.device)
    near = (along[None, None] - places[:, :, None]).abs() <= radius  # [N, 2, size]
    return near[:, 0, :, None] & near[:, 1, None, :]


def changed(before: Tensor, after: Tensor, min_change: float) -> Tensor:
    """Whether pictures [N, 3, H, W] differ: the mean absolute change, of 1, in the most changed cell of an 8×8 grid [N]."""
    difference = (before - after).abs().mean(1, keepdim=True) / 2
    return (
        F.adaptive_avg_pool2d(difference, min(8, difference.shape[-1])).flatten(1).amax(1)
        >= min_change
    )


def probabilities(edits: Edits) -> Tensor:
    """The shares of a random edit: p and its steps, up to 1 (P §5.4)."""
    return torch.arange(
        edits.probability, 1 + edits.probability_step, edits.probability_step
    ).clamp(max=1)


def doublings(first: int, units: int) -> Tensor:
    """The shares of a targeted edit: so many of all units, twice as many, and so on up to all (ours)."""
    counts = [first]
    while counts[-1] < units:
        counts.append(min(2 * counts[-1], units))
    return torch.tensor(counts) / units


def random_order(count: int, units: int, rng: torch.Generator) -> Tensor:
    """For each of `count` drawings its units in any order, as numbers in [0, 1) [N, C]."""
    return torch.rand(count, units, generator=rng)


def least_edit(
    generator: Generator,
    h4: Tensor,
    values: Tensor,
    original: Tensor,
    where: Tensor,
    order: Tensor,
    shares: Tensor,
    min_change: float,
) -> tuple[Tensor, Tensor]:
    """Replace the units whose `order` is below a share, the least of the shares at which the picture differs (P §5.4).

    h4 and values [N, C, h, w], original [N, 3, H, W], where [N, h, w], order [N, C], shares [S], ascending. Returns the edited
    pictures and whether each differs [N]. Edits only grow with their share, so the least is found by halving, in fewer drawings
    than by raising it.
    """
    shares = shares.to(h4.device)
    edited, differs = (
        torch.empty_like(original),
        torch.zeros(len(h4), dtype=torch.bool, device=h4.device),
    )
    low, high = (
        torch.zeros_like(differs, dtype=torch.long),
        torch.full_like(differs, len(shares), dtype=torch.long),
    )
    while len(rows := (low < high).nonzero().squeeze(1)):
        middle = (low[rows] + high[rows]) // 2
        drawn = generator.decode(
            replace(h4[rows], order[rows] < shares[middle, None], where[rows], values[rows])
        )
        enough = changed(original[rows], drawn, min_change)
        shown = enough | ~differs[rows]  # the least that is enough; else the most
        edited[rows[shown]] = drawn[shown]
        differs[rows] |= enough
        low[rows], high[rows] = (
            torch.where(enough, low[rows], middle + 1),
            torch.where(enough, middle, high[rows]),
        )
    return edited, differs
