"""The editor of layouts: edited drawings in which the same objects stand elsewhere.

Two objects of each drawing matter: at random those that stand out, or, targeted, those that the
words of the caption point at.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.davenet.matchmap import matchmap
from wordbrush.davenet.negatives import Batch, Edited
from wordbrush.editing.drawn import DrawnEditor
from wordbrush.editing.layouts import (
    Floor,
    TwoObjects,
    all_ways,
    exchanged,
    mirrored,
    moved_away,
    turned,
)
from wordbrush.editing.units import changed
from wordbrush.training.parallel import shard, whole

Weigh = Callable[[Batch, Tensor], Tensor]
"""A batch, and how far the cells of its h4 are from the floor [B, h, w] -> weights of these cells
[B, h, w]: the two objects with the greatest are edited."""


@dataclass(frozen=True)
class LayoutEditor(DrawnEditor):
    """Exchanges or turns two objects of each drawing, moves one, or mirrors all
    (`edits.operation`).

    Valid are edits that are certain (layouts.py) and change the picture enough.
    """

    floor: Floor
    weigh: Weigh

    def __call__(self, batch: Batch) -> Edited:
        h4, edits = self.h4(batch), self.edits
        distances = self.floor.distances(h4)
        on = distances > edits.outline
        objects = TwoObjects.where_greatest(self.weigh(batch, distances), on)
        if edits.operation == "exchange":
            after, certain = exchanged(h4, self.floor, objects, edits.radius)
        elif edits.operation == "mirror":
            after, certain = mirrored(h4, objects)
        else:
            chances = self.drawn(len(h4), len(all_ways(h4.shape[-1], h4.device)))
            if edits.operation == "move":
                after, certain = moved_away(h4, self.floor, objects, edits.radius, chances)
            else:
                in_front = self.drawn(len(h4), 1)[:, 0] < 0.5
                after, certain = turned(h4, self.floor, objects, edits.radius, chances, in_front)
        pictures = self.generator.decode(after)
        return Edited(pictures, certain & changed(batch.images, pictures, edits.min_change))

    def drawn(self, rows: int, count: int) -> Tensor:
        """Random numbers in [0, 1) for each row of this process: [rows, count]."""
        where = self.rng.device
        return shard(torch.rand(whole(rows), count, generator=self.rng, device=where))


def drawn_objects(rng: torch.Generator) -> Weigh:
    """Objects at random, in proportion to how much of them stands out from the floor."""

    def weigh(_: Batch, distances: Tensor) -> Tensor:
        # the cell whose share of its waiting time is greatest is drawn first, then that of another
        # object (as concepts.clusters.draw_clusters draws)
        waits = torch.empty(whole(len(distances)), *distances.shape[1:], device=rng.device)
        return distances / shard(waits.exponential_(generator=rng)).clamp(min=1e-12)

    return weigh


def pointed_at(batch: Batch, distances: Tensor) -> Tensor:
    """How strongly any frame of the caption points at each cell: the matchmap's maximum over time,
    on the grid of h4."""
    heard = batch.heard
    maps = matchmap(batch.seen.features, heard.features)
    best = maps.masked_fill(~heard.valid[:, None, None], -torch.inf).amax(3)
    return F.interpolate(best[:, None], size=distances.shape[1:], mode="nearest")[:, 0]
