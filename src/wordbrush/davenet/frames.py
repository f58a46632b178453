"""The frames of a batch of utterances, for convolutions over time that padding does not change.

`PackedFrames` has them in one row without padding, which takes half the work: on CPUs. Its shapes
depend on the lengths. `PaddedFrames` keeps the padding, and computes it too: on GPUs, where nobody
waits to learn the lengths. Both give the same features, to rounding.
"""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.encoded import valid_frames
from wordbrush.davenet.quantiser import Quantised, Quantiser
from wordbrush.training.compute import runs_ahead

Number = TypeVar("Number", int, Tensor)
# Rows are padded to multiples of this: oneDNN makes its kernels anew for each shape, which takes a
# tenth of a step where all differ.
ROW_MULTIPLE = 512


@dataclass(frozen=True)
class PackedFrames:
    """Utterances one after another along one time axis, with gaps that no window reaches across.

    Most utterances of a batch are far shorter than its longest: packed, they take half the frames
    of a padded batch. frames: int64 [F], where in the row the frames that count lie. length: of the
    row, gaps included.
    """

    frames: Tensor
    length: int

    def take(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """Of [N, T, C], those that count: [F, C]."""
        return frames[valid_frames(lengths, frames.shape[1])]

    def spread(self, x: Tensor, lengths: Tensor, width: int) -> Tensor:
        """The reverse of `take`: [N, width, C], 0 behind the lengths."""
        valid = valid_frames(lengths, width)[..., None]
        return x.new_zeros(len(lengths), width, x.shape[1]).masked_scatter(valid, x)

    def normalise(self, norm: nn.Module, x: Tensor) -> Tensor:
        """[F, C], of which every frame counts."""
        return norm(x)

    @property
    def halved(self) -> "PackedFrames":
        """Where every second frame lies, once the others are left out."""
        return PackedFrames(self.frames[self.frames % 2 == 0] // 2, self.length // 2)

    def every_second(self, x: Tensor) -> Tensor:
        """Frames [F, C] -> those of `halved`."""
        return x[self.frames % 2 == 0]

    def quantise(self, quantiser: Quantiser, x: Tensor) -> Quantised:
        """Frames [F, C] by a codebook."""
        return quantiser(x)

    @staticmethod
    def of(lengths: Tensor, gap: int, stride: int) -> "PackedFrames":
        """Every utterance starts at a multiple of `stride` (a power of 2), at least `gap` frames
        behind the end of the last one."""
        taken = round_up(lengths + gap, stride)
        starts = taken.cumsum(0) - taken
        width = int(lengths.max())
        times = starts[:, None] + torch.arange(width, device=lengths.device)
        length = round_up(int(taken.sum()), max(ROW_MULTIPLE, stride))
        return PackedFrames(times[valid_frames(lengths, width)], length)

    def write(self, x: Tensor, gaps: float) -> Tensor:
        """Frames [F, C] -> [1, C, 1, length], channels last; the gaps hold `gaps`."""
        row = x.new_full((self.length, x.shape[1]), gaps).index_copy(0, self.frames, x)
        return row[None, None].permute(0, 3, 1, 2)

    def read(self, row: Tensor) -> Tensor:
        """[1, C, 1, length] -> the frames that count, [F, C]."""
        return row.permute(0, 2, 3, 1).flatten(0, 2).index_select(0, self.frames)

    def convolve(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """Frames [F, C] through a convolution over time; one of stride 2 gives those of `halved`.

        One of width 1 sees each frame alone, and needs no gaps.
        """
        if of_each_frame(conv):
            padded = F.pad(x, (0, 0, 0, round_up(len(x), ROW_MULTIPLE) - len(x)))
            return F.linear(padded, conv.weight[:, :, 0, 0], conv.bias)[: len(x)]
        return after(conv, self).read(conv(self.write(x, 0.0)))

    def max_pool(self, x: Tensor) -> tuple["PackedFrames", Tensor]:
        """Frames [F, C] through a max pool of width 3 and stride 2 (D): where they lie, and they.

        An utterance of odd length keeps its last frame.
        """
        row = self.write(x, -torch.inf)  # a 0 beside a negative frame would beat it
        pooled = self.halved
        return pooled, pooled.read(F.max_pool2d(row, (1, 3), (1, 2), (0, 1)))


@dataclass(frozen=True)
class PaddedFrames:
    """Utterances as they came, each with its padding: the same steps as those of PackedFrames.

    lengths: int64 [N]. width: of the batch, T. What lies behind a length is computed and has no
    effect: `x` has N·T rows.
    """

    lengths: Tensor
    width: int

    @property
    def counted(self) -> Tensor:
        """bool [N·T]"""
        return valid_frames(self.lengths, self.width).flatten()

    def take(self, frames: Tensor, lengths: Tensor) -> Tensor:
        """[N, T, C] -> [N·T, C]"""
        return frames.flatten(0, 1)

    def spread(self, x: Tensor, lengths: Tensor, width: int) -> Tensor:
        """The reverse: [N, width, C], 0 behind the lengths."""
        return x.masked_fill(~self.counted[:, None], 0).unflatten(0, (len(lengths), width))

    def normalise(self, norm: nn.Module, x: Tensor) -> Tensor:
        """By the statistics of the frames that count."""
        return norm(x) if isinstance(norm, nn.Identity) else norm(x, self.counted)

    @property
    def halved(self) -> "PaddedFrames":
        """As of PackedFrames."""
        return PaddedFrames(-(-self.lengths // 2), -(-self.width // 2))

    def every_second(self, x: Tensor) -> Tensor:
        """As PackedFrames does."""
        return x.unflatten(0, (-1, self.width))[:, ::2].flatten(0, 1)

    def quantise(self, quantiser: Quantiser, x: Tensor) -> Quantised:
        """The frames that count alone teach the codebook."""
        return quantiser(x, self.counted)

    def write(self, x: Tensor, gaps: float) -> Tensor:
        """Frames -> [N, C, 1, T], channels last; padding holds `gaps`."""
        rows = x.masked_fill(~self.counted[:, None], gaps).unflatten(0, (-1, 1, self.width))
        return rows.permute(0, 3, 1, 2)

    def read(self, rows: Tensor) -> Tensor:
        """[N, C, 1, T] -> [N·T, C]"""
        return rows.permute(0, 2, 3, 1).flatten(0, 2)

    def convolve(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """As PackedFrames does."""
        if of_each_frame(conv):
            return F.linear(x, conv.weight[:, :, 0, 0], conv.bias)
        return after(conv, self).read(conv(self.write(x, 0.0)))

    def max_pool(self, x: Tensor) -> tuple["PaddedFrames", Tensor]:
        """As PackedFrames does."""
        rows = F.max_pool2d(self.write(x, -torch.inf), (1, 3), (1, 2), (0, 1))
        return self.halved, self.read(rows)


Frames = PackedFrames | PaddedFrames
Arranged = TypeVar("Arranged", PackedFrames, PaddedFrames)


def of_each_frame(conv: nn.Conv2d) -> bool:
    """Whether a convolution gives every frame, and sees it alone."""
    return conv.kernel_size == (1, 1) and conv.stride[1] == 1


def after(conv: nn.Conv2d, frames: Arranged) -> Arranged:
    """Where the frames lie that a convolution gives: as before, or halved by its stride."""
    return frames.halved if conv.stride[1] == 2 else frames


def arrange(lengths: Tensor, width: int, gap: int, stride: int) -> Frames:
    """The frames of a batch as its device computes them fastest; `gap`, `stride`: of PackedFrames.

    lengths [N], of `width` frames at most.
    """
    if runs_ahead(lengths.device):
        return PaddedFrames(lengths, width)
    return PackedFrames.of(lengths, gap, stride)


def round_up(count: Number, multiple: int) -> Number:
    """The first multiples of `multiple` that are not below `count`."""
    return -(-count // multiple) * multiple
