"""Arrays as people bring them: NumPy's own, and PyTorch's tensors of any device."""

from typing import Any

import numpy as np
import torch


def as_array(given: Any) -> np.ndarray | None:
    """The array that an array or a tensor holds.

    None for anything else, and for tensors of a kind that NumPy lacks: sparse, quantised, float8.
    """
    if isinstance(given, torch.Tensor):
        tensor = given.detach().cpu()
        if tensor.dtype == torch.bfloat16:  # which NumPy lacks, and float32 holds
            tensor = tensor.float()
        try:
            return tensor.numpy()
        except (TypeError, RuntimeError):
            return None
    return np.asarray(given) if isinstance(given, np.ndarray) else None
