"""What is promised of two trainings alike: the same bytes on CPUs, nearly the same on GPUs."""

from collections.abc import Mapping

import torch

# Sums of a GPU may be added up in any order, and optimisers enlarge the rounding errors.
TOLERANCE = 0.02


def same_weights(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    """Whether two networks' states are those of the same training."""

    def same(one: torch.Tensor, other: torch.Tensor) -> bool:
        if one.device.type == "cpu":
            return torch.equal(one, other)
        return torch.allclose(one.float(), other.float(), rtol=TOLERANCE, atol=TOLERANCE)

    return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
