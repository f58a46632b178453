"""What makes matched pairs score above mismatched ones: the margin ranking loss (P §5.1; D), or a softmax (ours).

Scores are [N, N]: picture n (row) with utterance m (column); the diagonal holds the matched pairs. Mining chooses impostors:
`random`: one a row and one a column, drawn at random. `semi-hard`: the highest that scores below the matched pair.
`hard`: the highest. Edited pictures, one an utterance, count as impostor pictures (P §5.2).

An ablation gives itself away: a network can tell edited pictures without reading them. A transplant also asks the reverse (ours):
to the utterance of the donor the edited picture must score above the one before.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class TripletScores:
    """The scores [N] of every matched pair, of its picture with an impostor utterance, and of its utterance with an impostor
    picture."""

    matched: Tensor
    audio: Tensor
    image: Tensor


@dataclass(frozen=True)
class EditedScores:
    """By how much the utterances [N] of a batch score the edited pictures above the ones before; `valid` [N]: there is one, and
    it differs. Their own utterances should not (`excess`); the donors' should (`gain`), where units were transplanted."""

    excess: Tensor
    valid: Tensor
    gain: Tensor | None = None


def random_impostors(count: int, rng: torch.Generator) -> Tensor:
    """For each of `count` another one [count]; one that is alone has but itself."""
    return (torch.arange(count) + torch.randint(1, max(2, count), (count,), generator=rng)) % count


def hardest_impostors(scores: Tensor, mining: str) -> Tensor:
    """For each row, the column of its impostor [N]; a row without a semi-hard one takes its hardest."""
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    others = scores.detach().masked_fill(own, -torch.inf)
    if mining == "hard":
        return others.argmax(1)
    below = others.masked_fill(others >= scores.detach().diagonal()[:, None], -torch.inf)
    none = torch.isinf(below).all(1)
    return torch.where(none, others.argmax(1), below.argmax(1))


def mine(scores: Tensor, mining: str) -> TripletScores:
    """The triplets with the impostors that `mining` finds: semi-hard or hard."""
    audio = scores.gather(1, hardest_impostors(scores, mining)[:, None]).squeeze(1)
    image = scores.T.gather(1, hardest_impostors(scores.T, mining)[:, None]).squeeze(1)
    return TripletScores(scores.diagonal(), audio, image)


def margin_ranking(
    triplets: TripletScores,
    mining: str,
    margin: float,
    edits: EditedScores | None = None,
    edit_weight: float = 1.0,
) -> Tensor:
    """Mean over pairs of max(impostor - matched + margin, 0), both ways (P eq. 1).

    Edited pictures: with `hard` mining the harder of the batch's and the edited impostor picture counts ("the hardest of both",
    P §6.3); otherwise they add a term of weight `edit_weight`, as gains do.
    """
    matched, image = triplets.matched, triplets.image
    if edits is not None and mining == "hard":
        image = torch.maximum(image, matched + edits.excess.masked_fill(~edits.valid, -torch.inf))
    loss = F.relu(triplets.audio - matched + margin) + F.relu(image - matched + margin)
    if edits is not None and mining != "hard":
        loss = loss + edit_weight * F.relu(edits.excess + margin) * edits.valid
    if edits is not None and edits.gain is not None:
        loss = loss + edit_weight * F.relu(margin - edits.gain) * edits.valid
    return loss.mean()


def logistic_ranking(
    triplets: TripletScores,
    temperature: float,
    edits: EditedScores | None = None,
    edit_weight: float = 1.0,
) -> Tensor:
    """The margin loss with a soft edge (ours): a softmax over the matched pair and its one impostor, both ways.

    Edited pictures add a term of weight `edit_weight`, and gains another.
    """
    matched = triplets.matched
    loss = F.softplus((triplets.audio - matched) / temperature) + F.softplus(
        (triplets.image - matched) / temperature
    )
    if edits is not None:
        loss = loss + edit_weight * F.softplus(edits.excess / temperature) * edits.valid
    return loss.mean() + logistic_gain(edits, temperature, edit_weight)


def logistic_gain(
    edits: EditedScores | None, temperature: float, edit_weight: float
) -> Tensor | float:
    """What gains add to the loss."""
    if edits is None or edits.gain is None:
        return 0.0
    return (edit_weight * F.softplus(-edits.gain / temperature) * edits.valid).mean()


def batch_softmax(
    scores: Tensor, temperature: float, edits: EditedScores | None = None, edit_weight: float = 1.0
) -> Tensor:
    """Cross entropy of the matched pair among the whole batch, both ways (ours): it weighs the hardest impostors most.

    Edited pictures are one impostor more of their utterances, their odds weighed by `edit_weight`; gains add a term.
    """
    logits = scores / temperature
    pictures = logits.T
    if edits is not None:
        own = scores.diagonal() + edits.excess
        extra = (own / temperature).masked_fill(~edits.valid, -torch.inf) + torch.tensor(
            edit_weight
        ).log()
        pictures = torch.cat([pictures, extra[:, None]], 1)
    truth = torch.arange(len(scores), device=scores.device)
    return (
        F.cross_entropy(logits, truth)
        + F.cross_entropy(pictures, truth)
        + logistic_gain(edits, temperature, edit_weight)
    )
