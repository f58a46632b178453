"""Statistics over the whole batch, of which several processes may hold a part each.

With one process the batch norms are PyTorch's own. PyTorch's SyncBatchNorm needs GPUs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from wordbrush.training.parallel import counted_moments, gather, moments, shard, world


@torch.no_grad()
def update_running(norm: nn.modules.batchnorm._BatchNorm, mean: Tensor, variance: Tensor) -> None:
    """Move a norm's running statistics [C] towards those of a batch, as PyTorch's own norms do."""
    assert norm.running_mean is not None and norm.running_var is not None
    assert norm.num_batches_tracked is not None and norm.momentum is not None
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance, norm.momentum)
    norm.num_batches_tracked += 1


class _WholeBatch(nn.modules.batchnorm._BatchNorm):
    """What both norms add to PyTorch's."""

    def forward(self, x: Tensor, counted: Tensor | None = None) -> Tensor:
        """[N, C, …]; counted: what the statistics are of, bool [N] of [N, C] or [N, L] of
        [N, C, L]."""
        if not self.training or (world() == 1 and counted is None):
            return super().forward(x)
        values = x.float()  # as PyTorch's own computes what comes in bfloat16
        if counted is None:
            mean, variance, count = moments(values, [axis for axis in range(x.dim()) if axis != 1])
        else:
            mean, variance, count = counted_moments(values, counted)
        update_running(self, mean, variance.detach() * count / (count - 1))
        shape = (1, -1, *[1] * (x.dim() - 2))
        scale = (variance + self.eps).rsqrt()
        scale = scale if self.weight is None else self.weight * scale
        start = -mean * scale if self.bias is None else self.bias - mean * scale
        return torch.addcmul(start.view(shape), values, scale.view(shape)).to(x.dtype)


class BatchNorm1d(_WholeBatch, nn.BatchNorm1d):
    """Of [N, C], or [N, C, L]."""


class BatchNorm2d(_WholeBatch, nn.BatchNorm2d):
    """Of [N, C, H, W]."""


class InputNorm(nn.BatchNorm1d):
    """Batch norm of all values together, as D's over its one channel.

    PyTorch's own gives each channel one thread, which is 30 times slower here.
    """

    def forward(self, x: Tensor, counted: Tensor | None = None) -> Tensor:
        """Of any shape; counted: bool [N], the rows of [N, C] that the statistics are of."""
        if self.training:
            if counted is None:
                found = moments(x)
            else:
                found = counted_moments(x.reshape(-1, 1), counted[:, None].expand_as(x).flatten())
            mean, variance = (part.reshape(1) for part in found[:2])
            update_running(self, mean, variance)
        else:
            assert self.running_mean is not None and self.running_var is not None
            mean, variance = self.running_mean, self.running_var
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul(self.bias - mean * scale, x, scale)


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Append a map with the mean standard deviation over groups of samples (K §3).

    [N, C, H, W] -> [N, C+1, H, W]. Of `group` samples each; where that does not divide the batch,
    of the largest divisor below it. Samples i, i+N/group, … form a group, as in K.
    """
    features = gather(x)
    count = len(features)
    group = next(size for size in range(min(group, count), 0, -1) if count % size == 0)
    grouped = features.reshape(group, count // group, *x.shape[1:])
    variance = (grouped - grouped.mean(0)).square().mean(0)  # PyTorch's var: ten times as long
    deviation = shard((variance + 1e-8).sqrt().mean((1, 2, 3)).repeat(group))
    return torch.cat([x, deviation.view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])], 1)


@contextmanager
def running_statistics(network: nn.Module) -> Iterator[None]:
    """Within, norms use their running mean and variance, as in evaluation, and update neither."""
    training = network.training
    network.eval()
    try:
        yield
    finally:
        network.train(training)
