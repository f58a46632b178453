"""Batch norms over the whole batch, of which several processes may have a part each; with one process they are PyTorch's own.

PyTorch's SyncBatchNorm does the same on GPUs alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from wordbrush.training.parallel import moments, world


class _WholeBatch(nn.modules.batchnorm._BatchNorm):
    """What both norms add to PyTorch's."""

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, …]"""
        if world() == 1 or not self.training:
            return super().forward(x)
        values = x.float()  # as PyTorch's own computes what comes in bfloat16
        mean, variance, count = moments(values, [axis for axis in range(x.dim()) if axis != 1])
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        shape = (1, -1, *[1] * (x.dim() - 2))
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul((self.bias - mean * scale).view(shape), values, scale.view(shape)).to(
            x.dtype
        )


class BatchNorm1d(_WholeBatch, nn.BatchNorm1d):
    """Of [N, C], or [N, C, L]."""


class BatchNorm2d(_WholeBatch, nn.BatchNorm2d):
    """Of [N, C, H, W]."""


@contextmanager
def running_moments(network: nn.Module) -> Iterator[None]:
    """Within, norms take the moments that they have kept, and keep no others."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
