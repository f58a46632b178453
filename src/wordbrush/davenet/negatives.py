"""Edited pictures as negatives: what an editor sees and returns, and how captions score its edits.

An editor is any callable; nothing here knows how pictures are edited (P §5.2).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.loader import PairBatch
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.kernels import paired_similarities, similarities
from wordbrush.davenet.losses import EditedScores
from wordbrush.params import Against
from wordbrush.training.compute import mixed_precision
from wordbrush.training.parallel import gather, shard


@dataclass(frozen=True)
class Batch:
    """What an editor sees of a step: this process' part of the pairs whose pictures it edits.

    index: the numbers of the pictures [B]. images: [B, 3, H, W] in [-1, 1]. seen, heard: the
    encoded pictures and whole captions. origins: of the editor, where they were read before.
    """

    index: np.ndarray
    images: Tensor
    seen: Encoded
    heard: Encoded
    origins: Tensor | None = None


@dataclass(frozen=True)
class Edited:
    """Edited pictures [B, 3, H, W] and whether each is a valid negative [B].

    donors: where units were transplanted, the row [B] of the sample that each was given them from,
    among the rows of all processes.
    """

    pictures: Tensor
    valid: Tensor
    donors: Tensor | None = None


class Editor(Protocol):
    """A batch to its edited pictures (P §5.2: g_n)."""

    @property
    def rng(self) -> torch.Generator: ...

    def origins(self, index: np.ndarray) -> Tensor:
        """What the editor makes edits of pictures with these numbers [B] from: [B, …]."""
        ...

    def __call__(self, batch: Batch) -> Edited: ...


@dataclass(frozen=True)
class EditedNegatives:
    """Edits every `every`-th picture of a batch and scores it with its whole caption.

    A piece of a caption may not mention what was edited, and would then be asked to refuse a
    picture that it fits: batches hold whole captions in these rows (loader.BatchPlan).

    against: whose impostors they are: `caption`, of their own (P §5.2), or `batch`, of all
    utterances of the batch, so that no picture is suspect for being edited alone. Where rows are in
    several languages in turn, the edited ones are, too (`require_turns`).
    """

    encoders: Encoders
    editor: Editor
    every: int
    similarity: str
    against: Against

    @property
    def rows(self) -> slice:
        """Of a batch, those that are edited."""
        return slice(None, None, self.every)

    def origins(self, batch: PairBatch) -> Tensor:
        """What the editor makes this batch's edits from."""
        return self.editor.origins(batch.pictures[self.rows])

    def __call__(
        self,
        batch: PairBatch,
        seen: Encoded,
        heard_by_batch: Encoded,
        origins: Tensor | None = None,
    ) -> EditedScores:
        """Scores of all rows of the whole batch [N]; rows that are not edited hold 0.

        seen, heard_by_batch: the features of this process' pictures and utterances. origins: where
        they were read before.
        """
        rows, images = self.rows, batch.images
        heard = heard_by_batch[rows]
        with mixed_precision():
            with torch.no_grad():
                edited = self.editor(
                    Batch(batch.pictures[rows], images[rows], seen[rows], heard, origins)
                )
            after = self.encoders.encode_images(edited.pictures)
        gains = Gains(seen.before(after), len(images), rows, self.similarity)
        donors_gain = None
        if edited.donors is not None:
            donors_gain = gains.by(heard.map(gather)[edited.donors])
        others = None
        if self.against == "batch":
            others = self.with_others(batch, edited, after, heard_by_batch)
        return EditedScores(gains.by(heard), gains.to_batch(edited.valid), donors_gain, others)

    def with_others(
        self, batch: PairBatch, edited: Edited, after: Encoded, heard: Encoded
    ) -> Tensor:
        """As EditedScores.others: not of those that tell of the picture before, or of the donor."""
        scores = gather(similarities(after, heard.map(gather), self.similarity))
        positives = batch.positives
        numbers = torch.arange(len(positives), device=positives.device)
        before = gather(shard(numbers)[self.rows])
        excluded = positives[before] | ~gather(edited.valid)[:, None]
        if edited.donors is not None:
            excluded |= positives[before[gather(edited.donors)]]
        return scores.masked_fill(excluded, -torch.inf)


@dataclass(frozen=True)
class Gains:
    """By how much captions score edited pictures above the pictures before.

    pictures: features of this process' `count` pictures, then of the edited ones. rows: which of
    the pictures these were made from.
    """

    pictures: Encoded
    count: int
    rows: slice
    similarity: str

    def by(self, heard: Encoded) -> Tensor:
        """By captions, one an edited picture: for all rows of all processes [N]."""
        numbers = torch.arange(len(self.pictures), device=heard.features.device)
        before, after = numbers[: self.count][self.rows], numbers[self.count :]
        chosen = (
            torch.cat([after, before]),
            torch.arange(len(heard), device=numbers.device).repeat(2),
        )
        scores = paired_similarities(self.pictures, heard, self.similarity, chosen)
        return self.to_batch(torch.sub(*scores.chunk(2)))

    def to_batch(self, values: Tensor) -> Tensor:
        """Values of the edited rows as rows of the whole batch [N]; 0 for the others."""
        every = values.new_zeros(self.count)
        every[self.rows] = values
        return gather(every)
