"""Editors: a batch of pairs to edited pictures, which train as negatives (P §5.2, §5.4, §5.6)."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.store import ConceptSet
from wordbrush.data.images import to_images
from wordbrush.data.pairs import read_latents
from wordbrush.davenet.matchmap import salient_location
from wordbrush.davenet.mining import random_impostors
from wordbrush.davenet.negatives import Batch, Edited, Editor
from wordbrush.editing.units import doublings, least_edit, moved, probabilities, random_order, spot
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Edits, Params
from wordbrush.storage.files import open_array
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.metrics import edited
from wordbrush.training.compute import device
from wordbrush.training.parallel import gather, shard, whole

Edit = Callable[[Batch, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(batch, h4, its new values, salient places on the picture grid, cells to edit) -> edited pictures and whether each differs."""


@dataclass(frozen=True)
class SalientEditor:
    """An editor of batches: draws h4 of each sample anew, finds the salient cell, and lets `edit` change units there (P §5.4).

    Ablation makes them 0. A transplant gives them the values that they have around the salient cell of a donor, another sample of
    the batch.
    """

    generator: Generator
    latents: np.ndarray
    edits: Edits
    edit: Edit
    rng: torch.Generator

    def __call__(self, batch: Batch) -> Edited:
        device = next(self.generator.parameters()).device
        h4 = self.generator.encode(
            torch.from_numpy(self.latents[batch.index]).to(device), self.edits.resolution
        )
        seen, heard = batch.seen.features, batch.heard
        places, _ = salient_location(seen, heard.features, heard.lengths)
        # where the middle of a picture's cell lies on the grid of h4
        cells = (2 * places + 1) * h4.shape[-1] // (2 * seen.shape[-1])
        donors, values = None, torch.zeros_like(h4)
        if self.edits.operation == "transplant":
            donors = shard(random_impostors(whole(len(h4)), self.rng)).to(device)
            values = moved(gather(h4)[donors], cells - gather(cells)[donors])
        pictures, differs = self.edit(
            batch, h4, values, places, spot(cells, self.edits.radius, h4.shape[-1])
        )
        every = gather(differs)
        edited(len(every), int(every.sum()))
        return Edited(pictures, differs, donors)


@dataclass(frozen=True)
class CounterfactualEditor:
    """Each sample's rendered counterfactual, uint8 [N, H, W, 3], which differs in one attribute."""

    counterfactuals: np.ndarray
    rng: torch.Generator

    def __call__(self, batch: Batch) -> Edited:
        counterfactuals = to_images(self.counterfactuals[batch.index]).to(batch.images.device)
        return Edited(
            counterfactuals,
            torch.ones(len(counterfactuals), dtype=torch.bool, device=counterfactuals.device),
        )


def make_random_editor(params: Params, layout: Layout, seed: int) -> Editor:
    """Random edits, or the renderer's of rendered samples."""
    if params.samples.source == "renderer":
        size = params.scenes.resolution
        return CounterfactualEditor(
            open_array(layout.samples / "counterfactuals.npy", "uint8", (None, size, size, 3)),
            torch.Generator(),
        )
    return random_editor(
        load_generator(layout.generator, device()), read_latents(layout), params, seed
    )


def random_editor(generator: Generator, latents: np.ndarray, params: Params, seed: int) -> Editor:
    """Edits of random units as negatives."""
    rng, shares = torch.Generator().manual_seed(seed), probabilities(params.edits)

    def edit(
        batch: Batch, h4: Tensor, values: Tensor, _: Tensor, where: Tensor
    ) -> tuple[Tensor, Tensor]:
        return least_edit(
            generator,
            h4,
            values,
            batch.images,
            where,
            shard(random_order(whole(len(h4)), h4.shape[1], rng)).to(h4.device),
            shares,
            params.edits.min_change,
        )

    return SalientEditor(generator, latents, params.edits, edit, rng)


def make_targeted_editor(
    params: Params, layout: Layout, mining: str, seed: int, drawn: list[Tensor] | None = None
) -> Editor:
    """Edits of the concepts that were discovered with this mining."""
    generator = load_generator(layout.generator, device())
    return targeted_editor(
        generator, read_latents(layout), ConceptSet(layout, mining), params, seed, drawn
    )


def targeted_editor(
    generator: Generator,
    latents: np.ndarray,
    clusters: ConceptSet,
    params: Params,
    seed: int,
    drawn: list[Tensor] | None = None,
) -> Editor:
    """Edits of one drawn concept as negatives; `drawn`, where given, receives the cluster of each edit."""
    rng, shares = (
        torch.Generator().manual_seed(seed),
        doublings(params.edits.units_per_cluster, clusters.order.shape[1]),
    )

    def edit(
        batch: Batch, h4: Tensor, values: Tensor, places: Tensor, where: Tensor
    ) -> tuple[Tensor, Tensor]:
        rows = torch.arange(len(places), device=places.device)
        cluster = clusters.draw(batch.seen.features[rows, :, places[:, 0], places[:, 1]], rng)
        if drawn is not None:
            drawn.append(cluster)
        return least_edit(
            generator,
            h4,
            values,
            batch.images,
            where,
            clusters.order[cluster],
            shares,
            params.edits.min_change,
        )

    return SalientEditor(generator, latents, params.edits, edit, rng)
