"""Vector quantisation: frames become the nearest of a number of learned vectors, their codes (V).

The codebook is no weight. Each code is the moving average of the frames that chose it, and
gradients pass straight through to the frames (van den Oord et al. 2017; Harwath et al. 2020).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from wordbrush.davenet.config import QuantiserConfig
from wordbrush.training.parallel import gather, shard, world

TINY = 1e-12  # keeps a code that was never used from being divided by 0


class Quantised(NamedTuple):
    """vectors [F, C]: of the codes, with the gradient of the frames. codes: int64 [F]. loss: in
    training, what keeps frames near their codes; its mean over ranks is that of the whole batch.
    """

    vectors: Tensor
    codes: Tensor
    loss: Tensor | None


class Quantiser(nn.Module):
    """A codebook [K, C], and in training, how often and by which frames its codes are chosen.

    mass [K]: the moving average of how many frames choose a code in a step. sums [K, C]: of their
    sum. on: whether frames are quantised yet. Codes begin dead, with no mass. A dead code takes the
    place of a frame of the batch, so the first step finds all codes among its frames, and later
    steps bring back those that no frame chooses any more.
    """

    codebook: Tensor
    mass: Tensor
    sums: Tensor

    def __init__(self, channels: int, config: QuantiserConfig):
        super().__init__()
        self.config, self.on = config, True
        self.register_buffer("codebook", torch.zeros(config.codes, channels))
        self.register_buffer("mass", torch.zeros(config.codes))
        self.register_buffer("sums", torch.zeros(config.codes, channels))

    def forward(self, x: Tensor, counted: Tensor | None = None) -> Quantised:
        """Frames [F, C], of which these count, bool [F]; None: all of them."""
        with torch.autocast(x.device.type, enabled=False):
            frames = x.float()
            heard = frames.detach()
            weights = heard.new_ones(len(heard)) if counted is None else counted.float()
            if self.training:
                self._revive(heard, weights)
            codes = self.nearest(heard)
            chosen = self.codebook[codes]
            loss = None
            if self.training:
                loss = self._commitment(frames, chosen, weights)
                self._learn(heard, codes, weights)
            vectors = chosen + (frames - heard)  # the code's values exactly, the frame's gradient
        return Quantised(vectors.to(x.dtype), codes, loss)

    def nearest(self, x: Tensor) -> Tensor:
        """The code [F] of the least Euclidean distance; of equals, the first."""
        return (self.codebook.square().sum(1) - 2 * x @ self.codebook.T).argmin(1)

    def _commitment(self, frames: Tensor, chosen: Tensor, weights: Tensor) -> Tensor:
        """The mean over frames and channels of the square distance, times its weight."""
        square = (frames - chosen).square().mean(1)
        share = world() / gather(weights.sum()[None]).sum()  # ranks may have fewer frames
        return self.config.commitment * (square * weights).sum() * share

    @torch.no_grad()
    def _learn(self, x: Tensor, codes: Tensor, weights: Tensor) -> None:
        """Move the averages towards this batch, and the codebook with them."""
        counts, sums = torch.zeros_like(self.mass), torch.zeros_like(self.sums)
        counts.index_add_(0, codes, weights)
        sums.index_add_(0, codes, x * weights[:, None])
        decay = self.config.decay
        self.mass.lerp_(gather(counts[None]).sum(0), 1 - decay)
        self.sums.lerp_(gather(sums[None]).sum(0), 1 - decay)
        self.codebook.copy_(self.sums / self.mass.clamp(min=TINY)[:, None])

    @torch.no_grad()
    def _revive(self, x: Tensor, weights: Tensor) -> None:
        """Dead codes take the place of frames, as if each had its equal share of them."""
        frames = weights.sum().long()[None]
        every = gather(frames)
        dead = self.mass <= self.config.revive_below * self.mass.mean()
        found = self._spread_over(x, weights, frames, every)
        self.codebook.copy_(torch.where(dead[:, None], found, self.codebook))
        self.mass.copy_(torch.where(dead, every.sum() / len(dead), self.mass))
        self.sums.copy_(torch.where(dead[:, None], found * self.mass[:, None], self.sums))

    def _spread_over(self, x: Tensor, weights: Tensor, frames: Tensor, every: Tensor) -> Tensor:
        """A frame for each code [K, C], at equal distances through the frames of all ranks.

        Batches are drawn at random, so these frames are, too. frames [1], every [ranks]: how many
        of this rank and of each count.
        """
        count = len(self.mass)
        steps = 2 * torch.arange(count, device=x.device) + 1
        wanted = steps * every.sum() // (2 * count) - shard(every.cumsum(0) - every)
        # the row of the frame with this number among those that count
        rows = torch.searchsorted(weights.long().cumsum(0), wanted + 1).clamp(max=len(x) - 1)
        own = (wanted >= 0) & (wanted < frames)
        return gather((x[rows] * own[:, None])[None]).sum(0)
