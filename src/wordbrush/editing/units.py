"""Editing a drawing by giving units of the fourth layer, h4, other values (P §4).

All in batches, on the device of the generator. A cell is a position of h4's grid.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.gan.networks import Generator
from wordbrush.params import Edits
from wordbrush.training.compute import runs_ahead, to_device


def replace(h4: Tensor, units: Tensor, where: Tensor, values: Tensor) -> Tensor:
    """Give the chosen units [N, C] at the chosen cells [N, h, w] of h4 [N, C, h, w] other values.

    values [N, C, h, w]: zeros ablate (P §4.1; G); those of another drawing transplant.
    """
    like_h4 = torch.empty_like(h4)  # channels last if h4 is: the generator goes on in that format
    return torch.where(units[:, :, None, None] & where[:, None], values, h4, out=like_h4)


def shifted(h4: Tensor, by: Tensor) -> Tensor:
    """h4 [N, C, h, w] shifted by so many cells (y, x) [N, 2]; the border is repeated."""
    size = h4.shape[-1]
    along = torch.arange(size, device=h4.device)
    rows, columns = ((along - by[:, axis, None]).clamp(0, size - 1) for axis in (0, 1))  # [N, size]
    down = h4.gather(2, rows[:, None, :, None].expand_as(h4))
    return down.gather(3, columns[:, None, None, :].expand_as(h4))


def square(middles: Tensor, radius: int, size: int) -> Tensor:
    """The cells within `radius` of middles (y, x) [N, 2] along both axes: bool [N, size, size]."""
    along = torch.arange(size, device=middles.device)
    near = (along[None, None] - middles[:, :, None]).abs() <= radius  # [N, 2, size]
    return near[:, 0, :, None] & near[:, 1, None, :]


def changed(before: Tensor, after: Tensor, min_change: float) -> Tensor:
    """Whether pictures [N, 3, H, W] differ: bool [N].

    They do where the mean absolute change in the most changed cell of an 8×8 grid, as a share of
    the range of values, is at least `min_change`.
    """
    difference = (before - after).abs().mean(1, keepdim=True) / 2
    cells = F.adaptive_avg_pool2d(difference, min(8, difference.shape[-1]))
    return cells.flatten(1).amax(1) >= min_change


def probabilities(edits: Edits) -> Tensor:
    """The shares of a random edit: p and its steps, up to 1 (P §5.4)."""
    return torch.arange(
        edits.probability, 1 + edits.probability_step, edits.probability_step
    ).clamp(max=1)


def doublings(first: int, units: int) -> Tensor:
    """The shares of a targeted edit: `first` of all units, twice as many, … up to all (ours)."""
    counts = [first]
    while counts[-1] < units:
        counts.append(min(2 * counts[-1], units))
    return torch.tensor(counts) / units


def random_order(count: int, units: int, rng: torch.Generator) -> Tensor:
    """For each of `count` drawings its units in any order, as numbers in [0, 1) [N, C]."""
    return torch.rand(count, units, generator=rng, device=rng.device)


@dataclass(frozen=True)
class Drawings:
    """Drawings that are to be edited.

    pictures [N, 3, H, W], their h4 [N, C, h, w], the values [N, C, h, w] that edited units get, and
    the cells [N, h, w] where they get them.
    """

    pictures: Tensor
    h4: Tensor
    values: Tensor
    cells: Tensor

    def edit(self, generator: Generator, rows: Tensor | slice, units: Tensor) -> Tensor:
        """Some of the drawings [n], with the chosen units [n, C] edited: pictures [n, 3, H, W]."""
        edited = replace(self.h4[rows], units, self.cells[rows], self.values[rows])
        return generator.decode(edited)


def least_edit(
    generator: Generator, drawings: Drawings, order: Tensor, shares: Tensor, min_change: float
) -> tuple[Tensor, Tensor]:
    """Edit the units whose `order` [N, C] is below a share, the least at which a picture differs.

    (P §5.4.) shares [S], ascending. Returns the edited pictures, and whether each differs [N].
    Edits only grow with their share, so the least is found by halving, in fewer drawings than by
    trying one after another.
    """
    count, where = len(drawings.h4), drawings.h4.device
    shares = to_device(shares, where)
    edited = torch.empty_like(drawings.pictures)
    differs = torch.zeros(count, dtype=torch.bool, device=where)
    low = torch.zeros(count, dtype=torch.long, device=where)
    high = torch.full_like(low, len(shares))
    for _ in range(len(shares).bit_length()):  # halvings, after which no drawing is open
        rows = rows_to_draw(low < high)
        first, stop, found = low[rows], high[rows], differs[rows]
        middle = ((first + stop) // 2).clamp(max=len(shares) - 1)
        drawn = drawings.edit(generator, rows, order[rows] < shares[middle, None])
        enough, is_open = changed(drawings.pictures[rows], drawn, min_change), first < stop
        shown = is_open & (enough | ~found)  # the least that is enough; else the most
        edited[rows] = torch.where(shown[:, None, None, None], drawn, edited[rows])
        differs[rows] = found | (is_open & enough)
        low[rows] = torch.where(is_open & ~enough, middle + 1, first)
        high[rows] = torch.where(is_open & enough, middle, stop)
    return edited, differs


def rows_to_draw(is_open: Tensor) -> Tensor | slice:
    """The drawings [N] whose edit is not found yet; on GPUs all, since finding them would wait."""
    return slice(None) if runs_ahead(is_open.device) else is_open.nonzero().squeeze(1)
