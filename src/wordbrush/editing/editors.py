"""Editors: a batch of pairs to edited pictures, which train as negatives (P §5.2, §5.4, §5.6)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import draw_clusters
from wordbrush.concepts.store import ConceptSet
from wordbrush.data.images import fitted, to_images
from wordbrush.data.pairs import read_latents
from wordbrush.davenet.matchmap import salient_location
from wordbrush.davenet.mining import random_impostors
from wordbrush.davenet.negatives import Batch, Edited, Editor
from wordbrush.editing.drawn import DrawnEditor
from wordbrush.editing.layout_editor import LayoutEditor, drawn_objects, pointed_at
from wordbrush.editing.layouts import Floor
from wordbrush.editing.units import (
    Drawings,
    doublings,
    least_edit,
    probabilities,
    random_order,
    shifted,
    square,
)
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Edits, Params
from wordbrush.storage.files import open_array
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device, device_of, random_numbers, to_device
from wordbrush.training.parallel import gather, shard, whole

ChooseUnits = Callable[[Tensor, Tensor], Tensor]
"""h4 [N, C, h, w] and the features of the salient cells [N, D] -> in which order units are edited,
as numbers in [0, 1) [N, C]."""


@dataclass(frozen=True)
class SalientEditor(DrawnEditor):
    """Edits units of the generator around the salient cell of each picture (P §5.4).

    It draws h4 of each sample anew, and edits the units that `choose` puts first, as many as it
    takes until the picture differs: `shares` [S] of all units, ascending. Ablation makes them 0. A
    transplant gives them the values that they have around the salient cell of a donor, another
    sample of the batch. Shares are on the generator's device.

    own: whether the pictures are people's, which the generator draws more or less alike. Then an
    edit is what changes in the drawing, added to the picture (as Bau et al., Semantic Photo
    Manipulation, 2019, keep what the generator cannot draw). What is not edited stays as it was.
    """

    choose: ChooseUnits
    shares: Tensor
    own: bool = False

    def __call__(self, batch: Batch) -> Edited:
        where, h4 = self.rng.device, self.h4(batch)
        seen, heard = batch.seen.features, batch.heard
        salient_cells, _ = salient_location(seen, heard.features, heard.frame_counts)
        # the cell of h4 in which the middle of the salient cell lies
        cells = (2 * salient_cells + 1) * h4.shape[-1] // (2 * seen.shape[-1])
        donors, values = None, torch.zeros_like(h4)
        if self.edits.operation == "transplant":
            donors = shard(random_impostors(whole(len(h4)), self.rng))
            values = shifted(gather(h4)[donors], cells - gather(cells)[donors])
        rows = torch.arange(len(cells), device=where)
        features = seen[rows, :, salient_cells[:, 0], salient_cells[:, 1]]
        drawn = self.generator.decode(h4) if self.own else batch.images
        drawings = Drawings(drawn, h4, values, square(cells, self.edits.radius, h4.shape[-1]))
        order = self.choose(h4, features)
        pictures, differs = least_edit(
            self.generator, drawings, order, self.shares, self.edits.min_change
        )
        if self.own:
            change = fitted(pictures - drawn, batch.images.shape[-1])
            pictures = (batch.images + change).clamp(-1, 1)
        return Edited(pictures, differs, donors)


@dataclass(frozen=True)
class CounterfactualEditor:
    """Each sample's rendered counterfactual, uint8 [N, H, W, 3], which differs in one attribute."""

    counterfactuals: np.ndarray
    rng: torch.Generator

    def origins(self, index: np.ndarray) -> Tensor:
        """The counterfactuals themselves [B, 3, H, W]."""
        return to_device(to_images(self.counterfactuals[index]), device())

    def __call__(self, batch: Batch) -> Edited:
        pictures = self.origins(batch.index) if batch.origins is None else batch.origins
        differs = torch.ones(len(pictures), dtype=torch.bool, device=pictures.device)
        return Edited(pictures, differs)


def make_random_editor(params: Params, layout: Layout, seed: int) -> Editor:
    """Random edits; of rendered samples, the renderer's own edits."""
    own = params.graph == "redrawn"
    if params.samples.source == "renderer" and not own:
        size = params.scenes.resolution
        return CounterfactualEditor(
            open_array(layout.samples / "counterfactuals.npy", "uint8", (None, size, size, 3)),
            random_numbers(seed),  # never drawn from; a CUDA graph may hold those of a GPU alone
        )
    generator = load_generator(layout.generator, device())
    return random_editor(generator, read_latents(layout, found=own), params.edits, seed, own)


def random_editor(
    generator: Generator, latents: np.ndarray, edits: Edits, seed: int, own: bool = False
) -> Editor:
    """Edits of random units as negatives (P §5.4), or of the layout. own: as in SalientEditor."""
    where = device_of(generator)
    rng = random_numbers(seed, where)
    if edits.of_layouts:
        floor = Floor.of(generator, edits.resolution)
        return LayoutEditor(generator, latents, edits, rng, floor, drawn_objects(rng))

    def choose(h4: Tensor, _: Tensor) -> Tensor:
        return shard(random_order(whole(len(h4)), h4.shape[1], rng))

    shares = probabilities(edits).to(where)
    return SalientEditor(generator, latents, edits, rng, choose, shares, own)


def make_targeted_editor(
    params: Params, layout: Layout, mining: str, seed: int, drawn: list[Tensor] | None = None
) -> Editor:
    """Edits of the concepts that were discovered with this mining."""
    generator = load_generator(layout.generator, device())
    concepts, own = ConceptSet.load(layout.clusters(mining)), params.graph == "redrawn"
    latents = read_latents(layout, found=own)
    return targeted_editor(generator, latents, concepts, params.edits, seed, drawn, own)


def targeted_editor(
    generator: Generator,
    latents: np.ndarray,
    concepts: ConceptSet,
    edits: Edits,
    seed: int,
    drawn: list[Tensor] | None = None,
    own: bool = False,
) -> Editor:
    """Edits of one drawn concept as negatives (P §5.6), or of the layout, for which no concept is
    needed: the words point at two objects. own: as in SalientEditor.

    Units are edited in the order in which they agree with the concept. `drawn`, where given,
    receives the concept of each edit.
    """
    where = device_of(generator)
    rng = random_numbers(seed, where)
    if edits.of_layouts:
        floor = Floor.of(generator, edits.resolution)
        return LayoutEditor(generator, latents, edits, rng, floor, pointed_at)
    members, scale, ranks = (
        torch.from_numpy(array).to(where)
        for array in (concepts.members, concepts.scale, concepts.ranks)
    )
    units = ranks.shape[1]

    def choose(_: Tensor, features: Tensor) -> Tensor:
        chosen = draw_clusters(features, scale, members, rng)
        if drawn is not None:
            drawn.append(chosen)
        return (ranks / units)[chosen]

    shares = doublings(edits.units_per_cluster, units).to(where)
    return SalientEditor(generator, latents, edits, rng, choose, shares, own)
