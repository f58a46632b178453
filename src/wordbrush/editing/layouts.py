"""Who stands where in a drawing: two objects exchange their places or are turned until one stands
in front of the other, one moves, or all are mirrored.

An object is what stands out from the floor in h4 and hangs together. It is lifted with its
surroundings, the floor closes behind it, and it is set down elsewhere: the drawing keeps every
object, and only how they lie to each other changes. No label is needed. An edit is certain where
what is lifted hides nothing else and stays within the picture; others are not used. All in batches,
on the device of the generator.
"""

from dataclasses import dataclass
from itertools import islice
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.editing.units import shifted
from wordbrush.errors import WordbrushError
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import LATENTS, encode, latent_blocks
from wordbrush.training.compute import device_of

FLOOR_DRAWINGS = 1024  # among which the floor is sought
FLOOR_LEVEL = 8  # the finest level at which it is sought; that of finer levels is grown from it
FLOOR_ROUNDS = 10
QUARTER = 0.25  # of drawings surely shows the floor at a cell


@dataclass(frozen=True)
class Floor:
    """What a generator's layer has where nothing stands.

    values: [1, C, h, w]. usual: a scalar, the distance from it that a quarter of all cells stay
    below, which show nothing but the floor.
    """

    values: Tensor
    usual: Tensor

    @classmethod
    @torch.no_grad()
    def of(cls, generator: Generator, size: int) -> Self:
        """Of the layer of this size. It depends on the generator alone."""
        where = device_of(generator)
        latents = torch.cat(
            list(islice(latent_blocks(generator.latent_dim, 0), FLOOR_DRAWINGS // LATENTS))
        )
        coarse = encode(generator, latents, min(size, FLOOR_LEVEL), LATENTS)
        values = generator.grow_to(commonest(coarse).to(where), size)
        some = encode(generator, latents[: len(latents) // 4], size, LATENTS)
        distances = cls(values.cpu(), torch.ones(())).distances(some)
        usual = distances.flatten().kthvalue(round(QUARTER * distances.numel())).values
        if not usual:
            raise WordbrushError(
                f"the generator's {size}×{size} layer is the same in a quarter of all drawings' "
                "cells, so no object stands out from a floor: train the GAN for longer."
            )
        return cls(values, usual.to(where))

    def distances(self, h4: Tensor) -> Tensor:
        """How far each cell of h4 [N, C, h, w] is from the floor, in usual distances: [N, h, w]."""
        return (h4 - self.values).square().mean(1).sqrt() / self.usual


def commonest(h4: Tensor) -> Tensor:
    """What drawings most often have at each cell of h4 [N, C, h, w]: [1, C, h, w].

    What stands on a cell differs from drawing to drawing, and the floor hardly does. So the mean of
    the quarter of drawings that are nearest to a guess, beginning with the median, is a better one.
    On CPUs: on GPUs, a median has no deterministic form.
    """
    found, nearest = h4.median(0, keepdim=True).values, round(QUARTER * len(h4))
    for _ in range(FLOOR_ROUNDS):
        rows = (h4 - found).square().sum(1).topk(nearest, 0, largest=False).indices  # [n, h, w]
        found = h4.gather(0, rows[:, None].expand(-1, h4.shape[1], -1, -1)).mean(0, keepdim=True)
    return found


@dataclass(frozen=True)
class TwoObjects:
    """Two objects of each drawing: the cells of either, of all other objects, bool [N, h, w]; and
    whether there are two, bool [N]."""

    first: Tensor
    second: Tensor
    rest: Tensor
    found: Tensor

    @classmethod
    def where_greatest(cls, weights: Tensor, on: Tensor) -> Self:
        """The object with the greatest of the weights [N, h, w], and of the others that with the
        greatest.

        on: bool [N, h, w], the cells of all objects.
        """
        first = filled(joined(greatest(weights, on), on))
        second = filled(joined(greatest(weights, on & ~first), on)) & ~first
        found = first.flatten(1).any(1) & second.flatten(1).any(1)
        return cls(first, second, on & ~first & ~second, found)


@dataclass(frozen=True)
class Lifted:
    """Objects that are lifted with their surroundings and set down (y, x) [N, 2] further.

    own: the cells of the object itself, and cells: all that are lifted, bool [N, h, w].
    """

    own: Tensor
    cells: Tensor
    by: Tensor

    @property
    def landed(self) -> Tensor:
        """The cells on which it is set down."""
        return moved(self.cells, self.by)

    def clean(self, others: Tensor) -> Tensor:
        """Whether nothing else is lifted with it, and all of it is in the picture after: bool [N].

        others: the cells of all other objects.
        """
        whole = moved(self.own, self.by).flatten(1).sum(1) == self.own.flatten(1).sum(1)
        return whole & apart(self.cells, others)

    def set_down(self, h4: Tensor, onto: Tensor) -> Tensor:
        """Where it has landed what h4 has at its old place, and else `onto`: [N, C, h, w]."""
        return torch.where(self.landed[:, None], shifted(h4, self.by), onto)


def exchanged(h4: Tensor, floor: Floor, objects: TwoObjects, radius: int) -> tuple[Tensor, Tensor]:
    """Each of the two stands where the other stood: h4 [N, C, h, w], and whether it is certain."""
    first, second, rest = objects.first, objects.second, objects.rest
    way = (middles(second) - middles(first)).round().long()
    one = Lifted(first, widened(first, radius), way)
    other = Lifted(second, widened(second, radius), -way)
    onto = torch.where((one.cells | other.cells)[:, None], floor.values, h4)
    lifted = one.clean(second | rest) & other.clean(first | rest)
    landed = apart(one.landed | other.landed, rest) & apart(one.landed, other.landed)
    return one.set_down(h4, other.set_down(h4, onto)), objects.found & lifted & landed


def moved_away(
    h4: Tensor, floor: Floor, objects: TwoObjects, radius: int, chances: Tensor
) -> tuple[Tensor, Tensor]:
    """The first stands on an empty place, from which it lies otherwise to the second than before.

    Each of the other relations is as likely, and then each place: most places of a picture are left
    or right of another. chances: random numbers in [0, 1) [N, (2h-1)·(2w-1)]. Returns as
    `exchanged`.
    """
    others, size = objects.second | objects.rest, h4.shape[-1]
    cells, ways = widened(objects.first, radius), all_ways(size, h4.device)
    free = overlaps(cells, widened(others, radius)) == 0
    here, other = middles(objects.first), middles(objects.second)
    there = here[:, None] + ways  # [N, W, 2]
    lies = relation(there, other[:, None])
    free &= lies != relation(here, other)[:, None]
    free &= plain(there, other[:, None], size / 16)
    lifted = Lifted(objects.first, cells, ways[drawn_evenly(lies, free, chances)])
    onto = torch.where(cells[:, None], floor.values, h4)
    certain = objects.found & free.any(1) & lifted.clean(others)
    return lifted.set_down(h4, onto), certain


def drawn_evenly(kinds: Tensor, free: Tensor, chances: Tensor) -> Tensor:
    """The number of one that is free [N], of each row: every kind that is there is as likely.

    kinds: int64 in [0, 4) [N, W]. free: bool [N, W]. chances: random numbers in [0, 1) [N, W]. That
    of the greatest u^(1/w) is drawn with a chance of w (Efraimidis & Spirakis 2006); here w is one
    by how many there are of its kind.
    """
    of_each = kinds[..., None] == torch.arange(4, device=kinds.device)
    counts = (of_each & free[..., None]).sum(1)  # [N, 4]
    ranks = chances.clamp(min=1e-12).log() * counts.gather(1, kinds)
    return ranks.masked_fill(~free, -torch.inf).argmax(1)


def turned(
    h4: Tensor,
    floor: Floor,
    objects: TwoObjects,
    radius: int,
    chances: Tensor,
    in_front: Tensor,
) -> tuple[Tensor, Tensor]:
    """Both stand on empty places, one in front of the other: bool [N], whether it is the first.

    They stand as near as what is lifted with them allows, anywhere in the picture. chances: as of
    `moved_away`; the greatest that would do decides. Returns as `exchanged`.
    """
    ways = all_ways(h4.shape[-1], h4.device)
    cells = widened(objects.first, radius), widened(objects.second, radius)
    here, other = middles(objects.first), middles(objects.second)
    rows = (cells[0].any(2).sum(1) + cells[1].any(2).sum(1) + 1) // 2  # between both middles
    between = (here - other).round().long()
    between[:, 0] -= torch.where(in_front, rows, -rows)
    free = free_together(objects, widened(objects.rest, radius), between)
    chosen = ways[chances.masked_fill(~free, -1).argmax(1)]
    one = Lifted(objects.first, cells[0], chosen)
    two = Lifted(objects.second, cells[1], chosen + between)
    onto = torch.where((cells[0] | cells[1])[:, None], floor.values, h4)
    after = torch.where(  # what is in front hides what is behind
        in_front[:, None, None, None],
        one.set_down(h4, two.set_down(h4, onto)),
        two.set_down(h4, one.set_down(h4, onto)),
    )
    lifted = one.clean(objects.second | objects.rest) & two.clean(objects.first | objects.rest)
    new = relation(here, other) != 2 + in_front.long()
    return after, objects.found & free.any(1) & lifted & new


def free_together(objects: TwoObjects, taken: Tensor, between: Tensor) -> Tensor:
    """Which of `all_ways` the first can go, and the second (y, x) `between` [N, 2] further: to
    cells in the picture that are not `taken` [N, h, w]. bool [N, (2h-1)·(2w-1)]."""
    size = taken.shape[-1]
    second = between[:, None] + all_ways(size, taken.device)
    inside = (second.abs() < size).all(2)
    numbers = (second[..., 0] + size - 1) * (2 * size - 1) + second[..., 1] + size - 1
    free, free_second = (overlaps(one, taken) == 0 for one in (objects.first, objects.second))
    return free & inside & free_second.gather(1, numbers.clamp(0, free.shape[1] - 1))


def mirrored(h4: Tensor, objects: TwoObjects) -> tuple[Tensor, Tensor]:
    """Left is right. Certain where the two lie beside each other: what lies behind stays behind.

    Returns as `exchanged`.
    """
    across = relation(middles(objects.first), middles(objects.second)) < 2
    return h4.flip(3), objects.found & across


def widened(cells: Tensor, by: int) -> Tensor:
    """The cells [N, h, w] within so many cells of them, along both axes."""
    return F.max_pool2d(cells.float()[:, None], 2 * by + 1, 1, by)[:, 0] > 0.5


def joined(start: Tensor, on: Tensor) -> Tensor:
    """The cells of `on` [N, h, w] that hang together with those of `start`, corners included.

    As far as a path of 2·h cells reaches, which no object of a drawing winds beyond.
    """
    found = start
    for _ in range(2 * on.shape[-1]):
        found = widened(found, 1) & on
    return found


def filled(cells: Tensor) -> Tensor:
    """The cells [N, h, w], and those that they enclose."""
    border = torch.ones_like(cells)
    border[:, 1:-1, 1:-1] = False
    return ~joined(border & ~cells, ~cells)


def greatest(weights: Tensor, among: Tensor) -> Tensor:
    """The cell [N, h, w] with the greatest weight of those that count; none where none does."""
    best = weights.masked_fill(~among, -torch.inf).flatten(1).argmax(1)
    numbers = torch.arange(among[0].numel(), device=best.device)
    return (numbers == best[:, None]).view(among.shape) & among


def moved(cells: Tensor, by: Tensor) -> Tensor:
    """The cells [N, h, w] so many (y, x) [N, 2] further; what leaves the picture is gone."""
    size = cells.shape[-1]
    came_from = torch.arange(size, device=cells.device) - by[:, :, None]  # [N, 2, size]
    inside = (came_from >= 0) & (came_from < size)
    here = shifted(cells[:, None].float(), by)[:, 0] > 0.5
    return here & inside[:, 0, :, None] & inside[:, 1, None, :]


def middles(cells: Tensor) -> Tensor:
    """The mean (y, x) [N, 2] of cells [N, h, w]; (0, 0) where there are none."""
    along = torch.arange(cells.shape[-1], device=cells.device, dtype=torch.float32)
    count = cells.flatten(1).sum(1).clamp(min=1)
    return torch.stack([(cells.sum(axis) * along).sum(1) / count for axis in (2, 1)], 1)


def relation(one: Tensor, other: Tensor) -> Tensor:
    """Where one place (y, x) [..., 2] lies as seen from another, as captions tell it
    (scenes.facts.relate): 0 left, 1 right, 2 behind, 3 in front."""
    down, across = (one - other).unbind(-1)
    beside = across.abs() >= down.abs()
    return torch.where(beside, (across >= 0).long(), 2 + (down > 0).long())


def plain(one: Tensor, other: Tensor, least: float) -> Tensor:
    """Whether two places lie further apart along one axis than along the other, by so much: nobody
    would tell another relation."""
    down, across = (one - other).abs().unbind(-1)
    return (down - across).abs() >= least


def apart(cells: Tensor, others: Tensor) -> Tensor:
    """Whether no cell [N, h, w] is one of the others: bool [N]."""
    return ~(cells & others).flatten(1).any(1)


def all_ways(size: int, where: torch.device) -> Tensor:
    """Every shift (y, x) that can leave a cell in the picture: [(2·size-1)², 2]."""
    along = torch.arange(1 - size, size, device=where)
    return torch.cartesian_prod(along, along)


def overlaps(cells: Tensor, taken: Tensor) -> Tensor:
    """How many cells [N, h, w] would lie on those that are taken or outside, after each of
    `all_ways`: [N, (2h-1)·(2w-1)]. 0 is exact also where autocast is on."""
    count, size = len(cells), cells.shape[-1]
    field = F.pad(taken.float(), (size - 1,) * 4, value=1.0)[None]  # [1, N, 3h-2, 3w-2]
    return F.conv2d(field, cells.float()[:, None], groups=count).view(count, -1)
