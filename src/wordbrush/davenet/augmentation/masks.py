"""Bands and stretches of time that are not heard (SpecAugment, Park et al. 2019)."""

import torch
from torch import Tensor


def hidden(starts: Tensor, widths: Tensor, count: int) -> Tensor:
    """1 where one of the masks of each row lies, from its start [N, M] on: float [N, count]."""
    number = torch.arange(count, device=starts.device)
    first, stop = starts[..., None], (starts + widths)[..., None]
    return ((number >= first) & (number < stop)).any(1).float()


def cover(frames: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
    """Frames [N, T, bands] with their means where the mask ([N, T, 1] or [N, 1, bands]) is 1.

    The mean is that of the band over the utterance, as SpecAugment's 0 is that of normalised
    features: a mask says nothing, where silence would be a sound. Padding must be 0.
    """
    return torch.lerp(frames, frames.sum(1, keepdim=True) / lengths[:, None, None], mask)
