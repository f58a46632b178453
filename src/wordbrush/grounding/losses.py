"""What makes matched pairs score above mismatched ones: the margin ranking loss (P §5.1; D), or a batch softmax (ours).

Scores are [N, N]: picture n (row) with utterance m (column); the diagonal holds the matched pairs. Mining chooses impostors:
`random`: one a row and one a column, drawn at random. `semi-hard`: the highest that scores below the matched pair.
`hard`: the highest. Edited pictures, one an utterance, score `edited` [N] and count as impostor pictures (P §5.2).
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def impostors(scores: Tensor, mining: str, rng: torch.Generator) -> Tensor:
    """For each row, the column of its impostor [N]; a row without a semi-hard one takes its hardest."""
    count = len(scores)
    own = torch.eye(count, dtype=torch.bool, device=scores.device)
    if mining == "random":
        step = torch.randint(1, count, (count,), generator=rng).to(scores.device)
        return (torch.arange(count, device=scores.device) + step) % count
    others = scores.detach().masked_fill(own, -torch.inf)
    if mining == "hard":
        return others.argmax(1)
    below = others.masked_fill(others >= scores.detach().diagonal()[:, None], -torch.inf)
    none = torch.isinf(below).all(1)
    return torch.where(none, others.argmax(1), below.argmax(1))


def margin_ranking(scores: Tensor, mining: str, margin: float, rng: torch.Generator, edited: Tensor | None = None,
                   valid: Tensor | None = None, edit_weight: float = 1.0) -> Tensor:
    """Mean over pairs of max(impostor - matched + margin, 0), both ways (P eq. 1).

    Edited pictures: with `hard` mining the harder of the batch's and the edited impostor picture counts ("the hardest of both",
    P §6.3); otherwise they add a term of weight `edit_weight`. Rows that are not `valid` have no edit.
    """
    matched = scores.diagonal()
    audio = scores.gather(1, impostors(scores, mining, rng)[:, None]).squeeze(1)
    image = scores.T.gather(1, impostors(scores.T, mining, rng)[:, None]).squeeze(1)
    if edited is not None and mining == "hard":
        image = torch.maximum(image, edited.masked_fill(~valid, -torch.inf))
    loss = F.relu(audio - matched + margin) + F.relu(image - matched + margin)
    if edited is not None and mining != "hard":
        loss = loss + edit_weight * F.relu(edited - matched + margin) * valid
    return loss.mean()


def batch_softmax(scores: Tensor, mining: str, temperature: float, rng: torch.Generator, edited: Tensor | None = None,
                  valid: Tensor | None = None, edit_weight: float = 1.0) -> Tensor:
    """Cross entropy of the matched pair among impostors, both ways (ours).

    `hard`: among the whole batch, which weighs the hardest most, the edited picture one more among them, its odds weighed by
    `edit_weight`. `random` and `semi-hard`: against the one mined impostor (a logistic ranking loss), and the edited picture in
    a term of its own.
    """
    logits = scores / temperature
    matched = logits.diagonal()
    if mining == "hard":
        pictures = logits.T
        if edited is not None:
            extra = (edited / temperature).masked_fill(~valid, -torch.inf) + torch.tensor(edit_weight).log()
            pictures = torch.cat([pictures, extra[:, None]], 1)
        truth = torch.arange(len(scores), device=scores.device)
        return F.cross_entropy(logits, truth) + F.cross_entropy(pictures, truth)
    audio = logits.gather(1, impostors(scores, mining, rng)[:, None]).squeeze(1)
    image = logits.T.gather(1, impostors(scores.T, mining, rng)[:, None]).squeeze(1)
    loss = F.softplus(audio - matched) + F.softplus(image - matched)
    if edited is not None:
        loss = loss + edit_weight * F.softplus(edited / temperature - matched) * valid
    return loss.mean()
