"""Clusters of units (P §5.5): units that are active together in the same pairs."""

import numpy as np
import torch
from torch import Tensor

from wordbrush.training.parallel import gather, shard


def binarise(activations: Tensor, top_share: float) -> Tensor:
    """Each unit's top share of activations [M, D], over all M observations: bool [M, D].

    Exact, by topk.
    """
    count = max(1, round(top_share * len(activations)))
    return activations >= activations.topk(count, 0).values[-1]


def cooccurrence(active: Tensor) -> Tensor:
    """How often every two units are active in the same pair: bool [N, D] -> counts [D, D]."""
    on = active.float()
    return on.T @ on


def cluster_units(counts: Tensor, number: int, method: str) -> np.ndarray:
    """Cut the dendrogram of 1 - counts/union into clusters: the cluster of each unit [D], from 0.

    number: how many clusters at most. method: the linkage, as scipy names it.
    """
    # here: who runs a trained model has no need of scipy
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    together = counts.double().numpy()
    alone = np.diag(together)
    union = alone[:, None] + alone[None] - together
    distance = 1 - np.divide(together, union, out=np.zeros_like(together), where=union > 0)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method)
    return fcluster(tree, number, "maxclust") - 1


def membership(labels: np.ndarray) -> Tensor:
    """Cluster labels [D] as weights [K, D]: the mean over the units of each cluster."""
    one_hot = torch.from_numpy(labels)[None] == torch.arange(int(labels.max()) + 1)[:, None]
    return one_hot.float() / one_hot.sum(1, keepdim=True).clamp(min=1)


def cluster_activations(features: Tensor, scale: Tensor, members: Tensor) -> Tensor:
    """How active each cluster is in features [M, D]: [M, K].

    The mean over its units, each divided by its deviation (`scale` [D]), negative values as 0.
    """
    return (features / scale).clamp(min=0) @ members.T


def draw_clusters(features: Tensor, scale: Tensor, members: Tensor, rng: torch.Generator) -> Tensor:
    """A cluster for each salient image feature [N, D], in proportion to how active it is: [N].

    (P §5.6.) The features are those of this process; the draw is one for all processes. rng: on
    their device.
    """
    active = gather(cluster_activations(features, scale, members) + 1e-6)
    # as torch.multinomial draws one, which looks at the values first, and would wait for a GPU
    waits = torch.empty_like(active).exponential_(generator=rng)
    return shard((active / waits).argmax(1))
