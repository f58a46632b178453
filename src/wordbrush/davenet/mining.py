"""Which impostors a matched pair is compared with (P §5.1, §6.3).

`random`: one utterance and one picture, drawn at random. `hard`: those that score highest.
`semi-hard`: the highest of those that score below the matched pair. Positives, bool [N, N], are
the utterances that belong to each picture; none of them is an impostor.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from wordbrush.davenet.losses import TripletScores
from wordbrush.training.compute import runs_ahead


class BatchScores(Protocol):
    """Scores of a batch's N pictures with its N utterances, computed as far as they are needed."""

    def all(self) -> Tensor:
        """[N, N]: picture n (row) with utterance m (column)."""
        ...

    def of(self, pictures: Tensor, utterances: Tensor) -> Tensor:
        """[P]: of the pairs with these numbers, [P] and [P]; P is a multiple of N."""
        ...


Miner = Callable[[BatchScores, Tensor], TripletScores]


@dataclass(frozen=True)
class RandomMining:
    """Impostors drawn at random: which pairs meet is known before any is scored."""

    rng: torch.Generator

    def __call__(self, scores: BatchScores, positives: Tensor) -> TripletScores:
        own = torch.arange(len(positives), device=positives.device)
        utterances = random_impostors(len(own), self.rng, positives)
        pictures = random_impostors(len(own), self.rng, positives.T)
        left, right = torch.cat([own, own, pictures]), torch.cat([own, utterances, own])
        return TripletScores(*scores.of(left, right).chunk(3))


@dataclass(frozen=True)
class HardMining:
    """The impostors that score highest, or highest below the matched pair."""

    kind: Literal["semi-hard", "hard"]

    def __call__(self, scores: BatchScores, positives: Tensor) -> TripletScores:
        found = scores.all()
        utterances = hardest_impostors(found, positives, self.kind)
        pictures = hardest_impostors(found.T, positives.T, self.kind)
        audio = found.gather(1, utterances[:, None]).squeeze(1)
        image = found.T.gather(1, pictures[:, None]).squeeze(1)
        return TripletScores(found.diagonal(), audio, image)


def random_impostors(count: int, rng: torch.Generator, positives: Tensor | None = None) -> Tensor:
    """For each of `count` another one [count], uniform among those that are not its positives.

    By default only itself is its positive. One that has none but positives gets itself. `rng` and
    the positives are on one device, and so are the impostors.
    """
    own, where = torch.arange(count, device=rng.device), rng.device
    if positives is not None and runs_ahead(where):
        # drawing again until none is a positive would have to wait for each draw
        numbers = torch.rand(count, count, generator=rng, device=where)
        drawn_at_once = numbers.masked_fill(positives, -1).argmax(1)
        return torch.where(positives.all(1), own, drawn_at_once)

    def drawn(rows: Tensor) -> Tensor:
        steps = torch.randint(1, max(2, count), (len(rows),), generator=rng, device=where)
        return (rows + steps) % count

    impostors = drawn(own)
    if positives is not None:
        alone = positives.all(1)
        impostors[alone] = own[alone]
        while len(again := own[positives[own, impostors] & ~alone]):
            impostors[again] = drawn(again)
    return impostors


def hardest_impostors(scores: Tensor, positives: Tensor, kind: str) -> Tensor:
    """For each row, the column of its impostor [N]; a row without a semi-hard one has its hardest.

    scores: [N, N], the matched pairs on the diagonal.
    """
    others = scores.detach().masked_fill(positives, -torch.inf)
    if kind == "hard":
        return others.argmax(1)
    below = others.masked_fill(others >= scores.detach().diagonal()[:, None], -torch.inf)
    none = torch.isinf(below).all(1)
    return torch.where(none, others.argmax(1), below.argmax(1))
