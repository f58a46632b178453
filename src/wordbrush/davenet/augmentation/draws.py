"""Random amounts, one an utterance, the same whichever process has which rows of a batch."""

import torch
from torch import Tensor

from wordbrush.training.parallel import shard, whole


class Draws:
    """Amounts for the rows of one batch, of which this process has `rows`.

    Each is drawn for the whole batch, on the device of `rng`, so that a seed gives the same numbers
    in every process. strength: 0 to 1, a factor of amounts that grow while training begins, and of
    shares.
    """

    def __init__(self, rng: torch.Generator, rows: int, strength: float | Tensor):
        self.rng, self.rows, self.strength = rng, rows, strength

    def between(self, low: float, high: float) -> Tensor:
        """Uniform, at any strength: [N]."""
        return low + (high - low) * self._uniform()

    def up_to(self, most: float) -> Tensor:
        """Uniform from 0 on: [N]."""
        return self.strength * self.between(0, most)

    def around_zero(self, most: float) -> Tensor:
        """Uniform, with either sign: [N]."""
        return self.strength * self.between(-most, most)

    def chosen(self, share: float) -> Tensor:
        """1 for this share of the utterances on average, and 0 for the others: [N]."""
        return (self._uniform() < self.strength * share).float()

    def normal(self, deviation: float, count: int, grows: bool = False) -> Tensor:
        """Around 0: [N, count]."""
        drawn = torch.randn(whole(self.rows), count, generator=self.rng, device=self.rng.device)
        return shard(drawn) * (deviation * (self.strength if grows else 1))

    def whole_numbers(self, stop: int) -> Tensor:
        """From 0 on, below `stop`: int64 [N]."""
        size, where = (whole(self.rows),), self.rng.device
        return shard(torch.randint(stop, size, generator=self.rng, device=where))

    def stretches(self, count: int, longest: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """`count` stretches of whole steps within each length [N], none longer than `longest` [N].

        Returns where they start and how long they are, both [N, count].
        """
        most = (self.strength * longest)[:, None]
        widths = (self._uniform(count) * (most.floor() + 1)).floor()
        starts = (self._uniform(count) * (lengths[:, None] - widths + 1)).floor()
        return starts, widths

    def _uniform(self, *shape: int) -> Tensor:
        size, where = (whole(self.rows), *shape), self.rng.device
        return shard(torch.rand(size, generator=self.rng, device=where))
