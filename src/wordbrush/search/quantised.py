"""Cells of pictures in a byte a number: half of float16, with nearly the same ten best pictures.

Each cell has a scale of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

STEPS = 127  # of int8 on either side of 0


@dataclass(frozen=True)
class Quantised:
    """cells: int8 [N, p, D]. scales: float16 [N, p]."""

    cells: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, features: Tensor) -> "Quantised":
        """features: [N, D, h, w]."""
        cells = features.flatten(2).transpose(1, 2)
        scales = (cells.abs().amax(2) / STEPS).clamp(min=2**-24).half()  # float16's least
        steps = (cells / scales[:, :, None].float()).round().clamp(-STEPS, STEPS)
        return cls(steps.to(torch.int8).numpy(), scales.numpy())

    @classmethod
    def joined(cls, parts: Sequence["Quantised"]) -> "Quantised":
        """Those of all, one after another."""
        cells, scales = ([getattr(one, name) for one in parts] for name in ("cells", "scales"))
        return cls(np.concatenate(cells), np.concatenate(scales))

    def features(self, height: int) -> Tensor:
        """As they were, nearly: [N, D, h, w]."""
        scaled = torch.from_numpy(self.cells).float()
        scaled *= torch.from_numpy(self.scales).float()[:, :, None]
        return scaled.transpose(1, 2).unflatten(2, (height, -1))
