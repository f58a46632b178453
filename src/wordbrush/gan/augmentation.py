"""Shifts and flips of real pictures and drawings alike, so that few pictures are not memorised.

They are differentiable: the generator learns through them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def shifted(images: Tensor, offsets: tuple[Tensor, Tensor], reach: int) -> Tensor:
    """Pictures [N, 3, H, H], their edges repeated `reach` pixels outwards, cut out anew.

    offsets: the upper and left edge of each cut [N], from 0 to 2·reach; at `reach` nothing moves.
    """
    top, left = (offset[:, None] for offset in offsets)
    padded = F.pad(images, [reach] * 4, mode="replicate")
    along = torch.arange(images.shape[-1], device=images.device)
    rows, columns = (top + along)[:, None, :, None], (left + along)[:, None, None, :]
    samples, planes = (torch.arange(n, device=images.device) for n in (len(images), 3))
    return padded[samples[:, None, None, None], planes[None, :, None, None], rows, columns]


def flipped(images: Tensor, chosen: Tensor) -> Tensor:
    """The chosen [N] of the pictures [N, 3, H, W] mirrored, left to right."""
    return torch.where(chosen[:, None, None, None], images.flip(3), images)
