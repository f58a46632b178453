"""Unit clusters (P §5.5): binarise, count co-occurrences, cut the dendrogram; and what a cluster sees in a picture."""

import numpy as np
import torch
from torch import Tensor


def binarise(activations: Tensor, top_share: float) -> Tensor:
    """Each unit's top share of activations [M, D], over all M observations: bool [M, D]. Exact, by topk."""
    count = max(1, round(top_share * len(activations)))
    return activations >= activations.topk(count, 0).values[-1]


def cooccurrence(active: Tensor) -> Tensor:
    """How often every two units are active in the same pair: bool [N, D] -> counts [D, D]."""
    on = active.float()
    return on.T @ on


def cluster_units(counts: Tensor, number: int, method: str) -> np.ndarray:
    """Cut the dendrogram of 1 - counts/union into `number` clusters: the cluster of each unit [D], from 0."""
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
    """How active each cluster is: features [M, D], each unit in deviations (`scale` [D]) and at least 0, meaned: [M, K]."""
    return (features / scale).clamp(min=0) @ members.T
