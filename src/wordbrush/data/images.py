"""Pictures at rest (uint8) and as networks see them (float in [-1, 1])."""

import numpy as np
import torch
from torch.nn import functional as F


def to_images(images: np.ndarray) -> torch.Tensor:
    """uint8 [N, H, W, 3] to float [N, 3, H, W] in [-1, 1]."""
    return scaled(torch.from_numpy(np.require(images, requirements="W")))


def scaled(images: torch.Tensor) -> torch.Tensor:
    """`to_images` of a tensor, on its device."""
    return images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1)


def fitted(images: torch.Tensor, size: int) -> torch.Tensor:
    """Square pictures [N, 3, H, H] at `size` pixels: means of areas, or in between."""
    if images.shape[-1] == size:
        return images
    larger = images.shape[-1] < size
    return F.interpolate(images, (size, size), mode="bilinear" if larger else "area")


def to_uint8(images: torch.Tensor) -> np.ndarray:
    """float [N, 3, H, W] in [-1, 1] to uint8 [N, H, W, 3]."""
    levels = images.detach().add(1).mul(127.5).round().clamp(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
