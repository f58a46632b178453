"""Losses that make matched pairs score above mismatched ones (P §5.1; D; logistic forms: ours).

Scores are [N, N]: picture n (row) with utterance m (column); the diagonal holds the matched pairs.
A surrogate φ turns an excess, by how much an impostor scores above the matched pair, into a loss.

A network can learn to tell ablated pictures without reading them, since all of them are negatives.
With transplants we therefore ask the reverse too: the donor's utterance must score the edited
picture above the picture before. Or edited pictures are impostors of all captions of the batch, as
any other picture is. Or an edited picture has a caption of its own, and is a twin: each of the two
pairs is the other's impostor, both ways (TripletCLIP, Patel et al. 2024).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F

Surrogate = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Hinge:
    """max(excess + margin, 0) (P eq. 1)."""

    margin: float

    def __call__(self, excess: Tensor) -> Tensor:
        return F.relu(excess + self.margin)


@dataclass(frozen=True)
class Logistic:
    """The hinge with a soft edge (ours): a softmax over the matched pair and one impostor."""

    temperature: float

    def __call__(self, excess: Tensor) -> Tensor:
        return F.softplus(excess / self.temperature)


@dataclass(frozen=True)
class TripletScores:
    """Scores [N] of every matched pair and its impostors.

    audio: of its picture with an impostor utterance. image: of its utterance with an impostor
    picture.
    """

    matched: Tensor
    audio: Tensor
    image: Tensor


@dataclass(frozen=True)
class EditedScores:
    """By how much utterances [N] score the edited pictures above the pictures before.

    excess: of the pictures' own utterances, which should not. gain: of the donors' utterances,
    which should; None where nothing was transplanted. valid: whether there is an edited picture,
    and it differs. others: the scores of all E edited pictures with all utterances of the batch
    [E, N], -inf where a picture is no impostor of an utterance, or has its own term: of its own
    utterance; None where they are impostors of that alone.
    """

    excess: Tensor
    valid: Tensor
    gain: Tensor | None = None
    others: Tensor | None = None

    def of(self, rows: slice) -> "EditedScores":
        """Of some of the utterances."""
        gain = None if self.gain is None else self.gain[rows]
        others = None if self.others is None else self.others[:, rows]
        return EditedScores(self.excess[rows], self.valid[rows], gain, others)


def ranking_loss(
    triplets: TripletScores,
    surrogate: Surrogate,
    edits: EditedScores | None = None,
    edit_weight: float = 1.0,
) -> Tensor:
    """Mean over pairs of φ(impostor - matched), both ways (P eq. 1).

    Edited pictures add φ(excess), weighted; and where they are impostors of others, the mean over
    those of each utterance.
    """
    audio, image = triplets.audio - triplets.matched, triplets.image - triplets.matched
    loss = surrogate(audio) + surrogate(image)
    if edits is not None:
        loss = loss + edit_weight * surrogate(edits.excess) * edits.valid
        if edits.others is not None:
            above = surrogate(edits.others - triplets.matched)  # 0 of -inf
            count = edits.others.isfinite().sum(0).clamp(min=1)
            loss = loss + edit_weight * above.sum(0) / count
    return loss.mean()


def hardest_of_both(triplets: TripletScores, edits: EditedScores) -> TripletScores:
    """The hardest of the batch's impostor picture and the edited ones (P §6.3)."""
    edited = triplets.matched + edits.excess.masked_fill(~edits.valid, -torch.inf)
    if edits.others is not None:
        edited = torch.maximum(edited, edits.others.amax(0))
    return replace(triplets, image=torch.maximum(triplets.image, edited))


def gain_loss(
    gain: Tensor, valid: Tensor, surrogate: Surrogate, edit_weight: float = 1.0
) -> Tensor:
    """Mean over pairs of φ(-gain), weighted: what the donors' utterances should gain (ours).

    gain, valid: as EditedScores has them, both [N].
    """
    return (edit_weight * surrogate(-gain) * valid).mean()


def batch_softmax(
    scores: Tensor,
    positives: Tensor,
    temperature: float,
    edits: EditedScores | None = None,
    edit_weight: float = 1.0,
) -> Tensor:
    """Cross entropy of each matched pair against its impostors in the batch, both ways (ours).

    positives: bool [N, N], of which those off the diagonal are left out. Edited pictures are one
    more impostor of their utterances, or of all, with odds weighted by `edit_weight`. The hardest
    impostors weigh most.
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    logits = (scores / temperature).masked_fill(positives & ~own, -torch.inf)
    pictures = logits.T
    if edits is not None:
        odds = torch.tensor(edit_weight).log()
        edited = (scores.diagonal() + edits.excess) / temperature
        edited = edited.masked_fill(~edits.valid, -torch.inf) + odds
        pictures = torch.cat([pictures, edited[:, None]], 1)
        if edits.others is not None:
            pictures = torch.cat([pictures, edits.others.T / temperature + odds], 1)
    truth = torch.arange(len(scores), device=scores.device)
    return F.cross_entropy(logits, truth) + F.cross_entropy(pictures, truth)


def twin_loss(scores: Tensor, certainty: Tensor, surrogate: Surrogate) -> Tensor:
    """Mean over drawings and their twins of φ(impostor - matched), both ways, weighted by certainty
    (TripletCLIP, Patel et al. 2024: each is the other's hard negative).

    scores: [P, 2, 2], of a drawing and its twin (rows) with the utterance of either (columns).
    certainty: [P], of the twins.
    """
    matched, impostors = scores.diagonal(dim1=1, dim2=2), scores.flip(2).diagonal(dim1=1, dim2=2)
    both_ways = surrogate(impostors - matched) + surrogate(impostors.flip(1) - matched)
    return (certainty[:, None] * both_ways).mean()


def languages_loss(scores: Tensor, same: Tensor, temperature: float) -> Tensor:
    """Cross entropy of captions of one picture in two languages against impostors in the batch,
    both ways (Harwath et al., Vision as an Interlingua, ICASSP 2018; the softmax: ours).

    scores: [N, N], of utterances in one language (row) with those in the other. same: bool [N, N],
    which tell of one picture. Mean over the rows whose counterparts do; 0 where there are none.
    """
    own = torch.eye(len(scores), dtype=torch.bool, device=scores.device)
    logits = (scores / temperature).masked_fill(same & ~own, -torch.inf)
    truth = torch.arange(len(scores), device=scores.device)
    each = sum(F.cross_entropy(one, truth, reduction="none") for one in (logits, logits.T))
    paired = same.diagonal()
    return (each * paired).sum() / paired.sum().clamp(min=1)
