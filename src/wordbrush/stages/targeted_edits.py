"""targeted-edits: encoders of random-edits and clusters -> encoders trained on against edits of one concept (P §5.6).

As a random edit takes more units until the picture differs (P §5.4), a targeted one takes more of the units that agree with the
concept, the best first (ours: P has a fixed number).
"""

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import cluster_activations
from wordbrush.drawing.editing import doublings, least_edit
from wordbrush.drawing.networks import Generator
from wordbrush.drawing.sampling import load_generator
from wordbrush.grounding.encoders import load_encoders
from wordbrush.grounding.training import Batch, Editor
from wordbrush.params import Params
from wordbrush.runtime.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.runtime.compute import device
from wordbrush.runtime.files import open_array
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.parallel import gather, shard
from wordbrush.stages.davenet import SalientEditor, read_latents, train_stage


class Clusters:
    """The discovered concepts, as targeted edits need them.

    order [K, C]: the place of each unit of the generator among those that agree with a concept, the best 0, as a share of all.
    """

    def __init__(self, layout: Layout, mining: str):
        folder = layout.clusters(mining)
        places = torch.from_numpy(np.array(open_array(folder / "places.npy", "int64", (None, None)))).to(device())
        self.order, count = places / places.shape[1], len(places)
        self.members = torch.from_numpy(np.array(open_array(folder / "members.npy", "float32", (count, None)))).to(device())
        self.scale = torch.from_numpy(np.array(open_array(folder / "scale.npy", "float32", (None,)))).to(device())

    def draw(self, salient_features: Tensor, rng: torch.Generator) -> Tensor:
        """A cluster for each salient image feature [N, D], in proportion to its similarity (P §5.6): [N]."""
        similar = cluster_activations(salient_features, self.scale, self.members) + 1e-6
        drawn = torch.multinomial(gather(similar).cpu(), 1, generator=rng).squeeze(1)
        return shard(drawn).to(salient_features.device)


def make_editor(params: Params, layout: Layout, mining: str, seed: int, drawn: list[Tensor] | None = None) -> Editor:
    """Edits of the concepts that were discovered with this mining."""
    generator = load_generator(layout.generator, device())
    return targeted_editor(generator, read_latents(layout), Clusters(layout, mining), params, seed, drawn)


def targeted_editor(generator: Generator, latents: np.ndarray, clusters: Clusters, params: Params, seed: int,
                    drawn: list[Tensor] | None = None) -> Editor:
    """Edits of one drawn concept as negatives; `drawn`, where given, receives the cluster of each edit."""
    rng, shares = torch.Generator().manual_seed(seed), doublings(params.edits.units_per_cluster, clusters.order.shape[1])

    def edit(batch: Batch, h4: Tensor, values: Tensor, places: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        rows = torch.arange(len(places), device=places.device)
        cluster = clusters.draw(batch.image_features[rows, :, places[:, 0], places[:, 1]], rng)
        if drawn is not None:
            drawn.append(cluster)
        return least_edit(generator, h4, values, batch.images, where, clusters.order[cluster], shares, params.edits.min_change)

    return SalientEditor(generator, latents, params.edits, edit, rng)


def run(params: Params, layout: Layout, mining: str, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    train_stage(params, layout, "targeted-edits", mining, params.schedule.targeted_edits, checkpoints,
                lambda _: load_encoders(layout.encoders("random-edits", mining), device()),
                make_editor(params, layout, mining, params.grounding_seed))
