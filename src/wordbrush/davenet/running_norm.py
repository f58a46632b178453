"""Normalisation of speech by what is heard around each frame: it learns nothing, and streams."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.encoded import valid_frames

LEAST_DEVIATION = 0.05  # of the features' range; keeps what is nearly silent from being blown up


class RunningNorm(nn.Module):
    """Each band minus its mean over a running window, divided by the deviation over that window.

    The window of a frame is the `past` frames before it, itself, and the `future` frames behind it,
    as far as the utterance goes. The deviation is common to all bands, so that what tells a vowel
    from noise, the differences between bands, is kept. The answer to a level, or to any filter that
    does not change, is 0: it does not matter how loud an utterance is, or by which microphone.
    """

    def __init__(self, past: int, future: int):
        super().__init__()
        self.past, self.future = past, future

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Features [N, bands, T] and lengths [N] -> features [N, bands, T], 0 behind them."""
        with torch.autocast(features.device.type, enabled=False):
            return self._normalised(features.float(), lengths)

    def _normalised(self, features: Tensor, lengths: Tensor) -> Tensor:
        frames = features.transpose(1, 2)  # [N, T, bands], as loaders and encoders have them
        valid = valid_frames(lengths, frames.shape[1])[..., None].float()
        frames = frames * valid
        count = self._sums(valid).clamp_(min=1)
        mean = self._sums(frames).div_(count)
        square = self._sums(frames.square().mean(2, keepdim=True)) / count
        variance = (square - mean.square().mean(2, keepdim=True)).clamp_(min=0)
        scale = valid * (variance + LEAST_DEVIATION**2).rsqrt()
        return ((frames - mean) * scale).transpose(1, 2)

    def _sums(self, frames: Tensor) -> Tensor:
        """The sum over the window of each frame, of [N, T, C].

        Put together of sums over 1, 2, 4, … frames: differences of running sums would lose digits,
        and PyTorch does not promise the same running sums twice on a GPU.
        """
        block = F.pad(frames, (0, 0, 0, self.future))  # the sum of `step` frames up to each
        total, width = torch.zeros_like(block), block.shape[1]
        size, step, taken = self.past + 1 + self.future, 1, 0
        while step <= size and taken < width:
            if size & step:
                total[:, taken:] += block[:, : width - taken]
                taken += step
            longer = block.clone()
            longer[:, step:] += block[:, :-step]
            block, step = longer, 2 * step
        return total[:, self.future :]


class RunningNormStream:
    """The same for one utterance whose frames come bit by bit, to rounding.

    A frame is answered when `future` frames more have come, or the utterance ends.
    """

    def __init__(self, norm: RunningNorm):
        self.norm = norm
        self.kept: Tensor | None = None  # frames that windows still reach
        self.answered = 0  # of those that are kept

    def push(self, frames: Tensor) -> Tensor:
        """The next frames [bands, n], of which there may be none -> answers [bands, m]."""
        self.kept = frames if self.kept is None else torch.cat([self.kept, frames], 1)
        return self._answer(max(self.answered, self.kept.shape[1] - self.norm.future))

    def finish(self) -> Tensor:
        """The utterance has ended: the answers that are left [bands, m], before a new one begins.

        Raises ValueError where no frames came.
        """
        if self.kept is None:
            raise ValueError("no frames came: push them before the utterance is finished")
        answers = self._answer(self.kept.shape[1])
        self.kept, self.answered = None, 0
        return answers

    def _answer(self, stop: int) -> Tensor:
        """Answers up to the kept frame `stop`; then forget frames that no window reaches."""
        assert self.kept is not None
        length = torch.tensor([self.kept.shape[1]], device=self.kept.device)
        answers = self.norm(self.kept[None], length)[0, :, self.answered : stop]
        forgotten = max(0, stop - self.norm.past)
        self.kept, self.answered = self.kept[:, forgotten:], stop - forgotten
        return answers
