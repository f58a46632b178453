"""Retrieval: the rank of the true partner; ties count against us (AVLnet's recall is wrong under ties)."""

import torch
from torch import Tensor


def ranks(scores: Tensor) -> Tensor:
    """Rank from 1 of the diagonal entry in its row [N]: one more than the others that score at least as high."""
    matched = scores.diagonal()[:, None]
    at_least = (scores >= matched).sum(1)  # counts the matched entry itself
    return torch.where(torch.isnan(scores).any(1), len(scores), at_least)


def recall(places: Tensor, k: int) -> float:
    """Percent of ranks within the first k."""
    return 100 * float((places <= k).float().mean())


def both_ways(scores: Tensor) -> Tensor:
    """Ranks of utterance by picture, then of picture by utterance: [2N]."""
    return torch.cat([ranks(scores), ranks(scores.T)])
