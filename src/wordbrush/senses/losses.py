"""Two ways to align senses (Aytar et al. 2017): a teacher's answers, and a ranking of pairs."""

import torch
from torch import Tensor
from torch.nn import functional as F


def transfer_loss(logits: Tensor, presences: Tensor) -> Tensor:
    """Mean over inputs of the sum over values of the KL divergence of a student's answer from the
    teacher's: each value is there or not (two outcomes, where Aytar et al. have 1,000 classes).

    logits: the student's [N, A]. presences: the teacher's, [N, A] in 0..1.
    """
    crossed = F.binary_cross_entropy_with_logits(logits, presences, reduction="none")
    entropy = -(torch.xlogy(presences, presences) + torch.xlogy(1 - presences, 1 - presences))
    return (crossed - entropy).sum(1).mean()


def alignment_loss(seen: Tensor, partners: Tensor, margin: float) -> Tensor:
    """Mean over pairs of Σ max(0, margin - ψ(pair) + ψ(impostor)) over all impostors, both ways.

    seen, partners: [N, D], row by row a pair. ψ: the cosine.
    """
    scores = cosines(seen, partners)
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    matched = scores.diagonal()
    impostors = F.relu(margin - matched[:, None] + scores) + F.relu(margin - matched + scores)
    return impostors.masked_fill(own, 0.0).sum(1).mean()


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """Of every row [N, D] with every row [M, D]: [N, M]."""
    return F.normalize(one, dim=1) @ F.normalize(other, dim=1).T
