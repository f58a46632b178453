"""Utterances of a batch as one row of frames without padding, for convolutions over time."""

from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.encoded import valid_frames

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
        """Frames [F, C] through a convolution over time.

        One of width 1 sees each frame alone, and needs no gaps.
        """
        if conv.kernel_size == (1, 1):
            padded = F.pad(x, (0, 0, 0, round_up(len(x), ROW_MULTIPLE) - len(x)))
            return F.linear(padded, conv.weight[:, :, 0, 0], conv.bias)[: len(x)]
        return self.read(conv(self.write(x, 0.0)))

    def max_pool(self, x: Tensor) -> tuple["PackedFrames", Tensor]:
        """Frames [F, C] through a max pool of width 3 and stride 2 (D): where they lie, and they.

        An utterance of odd length keeps its last frame.
        """
        row = self.write(x, -torch.inf)  # a 0 beside a negative frame would beat it
        pooled = PackedFrames(self.frames[self.frames % 2 == 0] // 2, self.length // 2)
        return pooled, pooled.read(F.max_pool2d(row, (1, 3), (1, 2), (0, 1)))


def round_up(count: Number, multiple: int) -> Number:
    """The first multiples of `multiple` that are not below `count`."""
    return -(-count // multiple) * multiple
