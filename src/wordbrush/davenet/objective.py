"""What a training step minimises: a loss over mined impostors, chosen once from the parameters."""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from wordbrush.davenet.losses import (
    EditedScores,
    Hinge,
    Logistic,
    Surrogate,
    batch_softmax,
    gain_loss,
    hardest_of_both,
    ranking_loss,
    twin_loss,
)
from wordbrush.davenet.mining import BatchScores, HardMining, Miner, RandomMining
from wordbrush.params import Davenet, Mining, Training


class Objective(Protocol):
    """The loss of a batch of N pairs.

    positives: bool [N, N], which utterances (columns) belong to which pictures (rows).
    edits: how the edited pictures score, where there are any.
    """

    def __call__(
        self, scores: BatchScores, positives: Tensor, edits: EditedScores | None = None
    ) -> Tensor: ...


@dataclass(frozen=True)
class Ranking:
    """One impostor utterance and one impostor picture a pair (P eq. 1).

    An edited picture adds a term; or, where `edits_compete`, it takes the impostor picture's part
    if it is the harder of the two (P §6.3: "the hardest of both").
    """

    mine: Miner
    surrogate: Surrogate
    edit_weight: float
    edits_compete: bool = False

    def __call__(
        self, scores: BatchScores, positives: Tensor, edits: EditedScores | None = None
    ) -> Tensor:
        triplets = self.mine(scores, positives)
        if edits is not None and self.edits_compete:
            loss = ranking_loss(hardest_of_both(triplets, edits), self.surrogate)
        else:
            loss = ranking_loss(triplets, self.surrogate, edits, self.edit_weight)
        return with_gain(loss, edits, self.surrogate, self.edit_weight)


@dataclass(frozen=True)
class BatchSoftmax:
    """All impostors of the batch at once; edited pictures are among them."""

    temperature: float
    edit_weight: float

    def __call__(
        self, scores: BatchScores, positives: Tensor, edits: EditedScores | None = None
    ) -> Tensor:
        found = scores.all()
        loss = batch_softmax(found, positives, self.temperature, edits, self.edit_weight)
        return with_gain(loss, edits, Logistic(self.temperature), self.edit_weight)


def with_gain(
    loss: Tensor, edits: EditedScores | None, surrogate: Surrogate, weight: float
) -> Tensor:
    """The loss, and what the donors' utterances should gain where units were transplanted."""
    if edits is None or edits.gain is None:
        return loss
    return loss + gain_loss(edits.gain, edits.valid, surrogate, weight)


@dataclass(frozen=True)
class TwinContest:
    """What drawings and their twins add to a loss, weighted.

    drawings, twins: the rows of a batch that they are, int64 [P].
    """

    surrogate: Surrogate
    weight: float
    drawings: Tensor
    twins: Tensor

    def __call__(self, scores: BatchScores, certainty: Tensor) -> Tensor:
        """certainty: [P], of the twins."""
        rows = torch.stack([self.drawings, self.twins], 1)  # [P, 2]
        pictures = rows[:, :, None].expand(-1, 2, 2).flatten()
        utterances = rows[:, None].expand(-1, 2, 2).flatten()
        found = scores.of(pictures, utterances).view(-1, 2, 2)
        return self.weight * twin_loss(found, certainty, self.surrogate)


@dataclass(frozen=True)
class Curriculum:
    """The objective of each step: for `warmup_steps` that of the warm-up, then the main one."""

    warmup: Objective
    main: Objective
    warmup_steps: int

    def at(self, step: int) -> Objective:
        """Of a step, counted from 1."""
        return self.warmup if step <= self.warmup_steps else self.main


def make_curriculum(
    davenet: Davenet, stage: Training, mining: Mining, rng: torch.Generator
) -> Curriculum:
    """The objectives of a stage; random impostors, which the warm-up takes, come from `rng`."""
    margin, weight = davenet.loss == "margin", stage.edit_weight
    surrogate = surrogate_of(davenet)
    warmup = Ranking(RandomMining(rng), surrogate, weight)
    main: Objective
    if mining == "random":
        main = warmup
    elif mining == "hard" and not margin:
        main = BatchSoftmax(davenet.temperature, weight)
    else:
        competing = margin and mining == "hard"
        main = Ranking(HardMining(mining), surrogate, weight, competing)
    return Curriculum(warmup, main, stage.warmup_steps)


def surrogate_of(davenet: Davenet) -> Surrogate:
    """How much it counts by how much an impostor scores above a matched pair."""
    return Hinge(davenet.margin) if davenet.loss == "margin" else Logistic(davenet.temperature)
