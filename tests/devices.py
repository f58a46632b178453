"""What is promised of two trainings alike: the same bytes on CPUs, nearly the same on GPUs.

With `deterministic: true` they are the same bytes on GPUs as well.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

# Sums of a GPU may be added up in any order, and optimisers enlarge the rounding errors.
TOLERANCE = 0.02


def same_weights(first: Mapping[str, torch.Tensor], second: Mapping[str, torch.Tensor]) -> bool:
    """Whether two networks' states are those of the same training."""

    def same(one: torch.Tensor, other: torch.Tensor) -> bool:
        if one.device.type == "cpu":
            return torch.equal(one, other)
        return torch.allclose(one.float(), other.float(), rtol=TOLERANCE, atol=TOLERANCE)

    return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)


# Those of PyTorch that are computed in any order on GPUs and have no deterministic algorithm there
# (torch.use_deterministic_algorithms), as far as networks could use them. replication_pad2d is not
# among them: where algorithms are deterministic PyTorch takes its gradient in another way.
UNORDERED = {
    "_adaptive_avg_pool2d_backward",
    "_ctc_loss_backward",
    "adaptive_max_pool2d_backward",
    "avg_pool3d_backward",
    "bincount",
    "cumsum",
    "grid_sampler_2d_backward",
    "histc",
    "max_pool3d_with_indices_backward",
    "max_unpool2d",
    "median",
    "nll_loss2d_forward",
    "put_",
    "reflection_pad1d_backward",
    "reflection_pad2d_backward",
    "upsample_bicubic2d_backward",
    "upsample_bilinear2d_backward",
    "upsample_linear1d_backward",
}
WITHOUT_SUM = 0  # of nll_loss2d's reductions: this one adds nothing up


class Unordered(TorchDispatchMode):
    """Within, `found` collects the names of operations of UNORDERED, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        sums = name != "nll_loss2d_forward" or args[3] != WITHOUT_SUM
        counts = name != "cumsum" or args[0].is_floating_point()
        if name in UNORDERED and sums and counts:
            self.found.append(name)
        return func(*args, **(kwargs or {}))
