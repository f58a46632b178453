"""Retrieval: the rank of a query's partner; ties count against us (AVLnet's recall ignores them).

Scores are [N, M], queries by candidates. Positives, bool [N, M], are the candidates that belong to
each query, one or more, such as all captions of a picture; by default the diagonal.
"""

import torch
from torch import Tensor


def ranks(scores: Tensor, positives: Tensor | None = None) -> Tensor:
    """The rank [N], from 1, of each query's best positive.

    One more than the other candidates that score at least as high; the last where a score is NaN.
    """
    if positives is None:
        positives = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    best = scores.masked_fill(~positives, -torch.inf).amax(1, keepdim=True)
    at_least = ((scores >= best) & ~positives).sum(1) + 1
    return torch.where(torch.isnan(scores).any(1), scores.shape[1], at_least)


def both_ways(scores: Tensor, positives: Tensor | None = None) -> Tensor:
    """Ranks of utterances by picture, then of pictures by utterance: [N + M]."""
    of_utterances = None if positives is None else positives.T
    return torch.cat([ranks(scores, positives), ranks(scores.T, of_utterances)])


def recall(found: Tensor, k: int) -> float:
    """Percent of ranks within the first k."""
    return 100 * float((found <= k).float().mean())
