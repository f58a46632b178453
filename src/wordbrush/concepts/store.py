"""Discovered concepts at rest."""

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import cluster_activations
from wordbrush.storage.files import open_array
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device
from wordbrush.training.parallel import gather, shard


class ConceptSet:
    """The discovered concepts, as targeted edits need them.

    order [K, C]: the place of each unit of the generator among those that agree with a concept, the best 0, as a share of all.
    """

    def __init__(self, layout: Layout, mining: str):
        folder = layout.clusters(mining)
        places = torch.from_numpy(
            np.array(open_array(folder / "places.npy", "int64", (None, None)))
        ).to(device())
        self.order, count = places / places.shape[1], len(places)
        self.members = torch.from_numpy(
            np.array(open_array(folder / "members.npy", "float32", (count, None)))
        ).to(device())
        self.scale = torch.from_numpy(
            np.array(open_array(folder / "scale.npy", "float32", (None,)))
        ).to(device())

    def draw(self, salient_features: Tensor, rng: torch.Generator) -> Tensor:
        """A cluster for each salient image feature [N, D], in proportion to its similarity (P §5.6): [N]."""
        similar = cluster_activations(salient_features, self.scale, self.members) + 1e-6
        drawn = torch.multinomial(gather(similar).cpu(), 1, generator=rng).squeeze(1)
        return shard(drawn).to(salient_features.device)
