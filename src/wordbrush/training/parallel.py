"""One training by several processes (ranks), each with its part of every batch.

The result is that of one process, to rounding. Every rank draws the random numbers of the whole
batch, from the same seeds, and takes its rows (`shard`). What depends on other rows, such as
scores, batch statistics or minibatch deviations, is gathered with its gradient (`gather`), so every
rank computes the loss of the whole batch. `backward` then leaves the gradient of that loss on all
of them, and weights, statistics and averages stay the same everywhere.

PyTorch's DistributedDataParallel averages the losses of parts, one forward pass a step. Impostors
from the whole batch, batch norms over it and penalties on gradients need more. With one process,
every function here returns what it is given.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from wordbrush.errors import WordbrushError
from wordbrush.process import is_main, is_worker
from wordbrush.training.launch import VARIABLE

Rows = TypeVar("Rows", Tensor, np.ndarray)
PATIENCE = timedelta(minutes=30)  # with the first rank, which alone measures and keeps checkpoints


class _State:
    alone: bool = False


@contextmanager
def joined() -> Iterator[None]:
    """Within, a launch's processes are one group, each with its own GPU if there are enough."""
    if not is_worker():
        yield
        return
    gpus, here = torch.cuda.device_count(), int(os.environ["LOCAL_WORLD_SIZE"])
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % gpus)
    backend = "nccl" if gpus >= here else "gloo"  # NCCL refuses to share a GPU
    dist.init_process_group(backend, timeout=PATIENCE)
    yield
    dist.destroy_process_group()  # not after a fault: it would wait for the others


@contextmanager
def alone() -> Iterator[None]:
    """Within, this process computes as if it were the only one."""
    _State.alone = True
    try:
        yield
    finally:
        _State.alone = False


def world() -> int:
    """The number of ranks."""
    return dist.get_world_size() if dist.is_initialized() and not _State.alone else 1


def by_kernels() -> bool:
    """Whether ranks, if there are others, talk to each other by kernels of a GPU alone."""
    return world() == 1 or dist.get_backend() == "nccl"


def part(count: int) -> int:
    """How many rows of a batch of `count` each rank has.

    Raises WordbrushError where they would not be equally many.
    """
    if count % world():
        raise WordbrushError(
            f"a batch of {count} cannot be shared equally by {world()} processes: choose another "
            f"batch size in params.yaml, or another {VARIABLE}."
        )
    return count // world()


def own_rows(count: int) -> slice:
    """This rank's rows of a batch of `count`; as `part` otherwise."""
    rows = part(count)
    first = dist.get_rank() * rows if world() > 1 else 0
    return slice(first, first + rows)


def whole(count: int) -> int:
    """The rows of the whole batch, of which this rank has `count`."""
    return count * world()


def shard(rows: Rows) -> Rows:
    """This rank's rows of a whole batch [N, …]: [N / ranks, …]."""
    if world() == 1:
        return rows
    return rows[own_rows(len(rows))]


def gather(rows: Tensor) -> Tensor:
    """The reverse of `shard`: the rows of all ranks [N, …].

    Each row's gradient is the sum of its gradients on all ranks.
    """
    if world() == 1:
        return rows
    if rows.dtype == torch.bool:
        return gather(rows.byte()).bool()
    before, after = dist.get_rank() * len(rows), (world() - dist.get_rank() - 1) * len(rows)
    zeros_before, zeros_after = (rows.new_zeros(n, *rows.shape[1:]) for n in (before, after))
    return all_reduce(torch.cat([zeros_before, rows, zeros_after]))


def moments(x: Tensor, axes: list[int] | None = None) -> tuple[Tensor, Tensor, Tensor | int]:
    """Mean and variance over these axes, or all, of the values of all ranks; and their number."""
    mean = x.mean(axes, keepdim=True)
    # in two passes: on CPUs, PyTorch's var_mean takes 17 times as long
    variance = (x - mean).square().mean(axes)
    mean = mean.view(variance.shape)
    return _of_all_ranks(mean, variance, x.numel() // mean.numel())


def counted_moments(x: Tensor, counted: Tensor) -> tuple[Tensor, Tensor, Tensor | int]:
    """As `moments` over the rows of [N, C] that count, bool [N], or the places of [N, C, L], bool
    [N, L]; their number is on the device.

    As sums and not as a product of matrices, which autocast would round.
    """
    axes = [axis for axis in range(x.dim()) if axis != 1]
    count = counted.sum()
    shares = (counted / count).unsqueeze(1)
    mean = (x * shares).sum(axes)
    apart = x - mean.view(1, -1, *[1] * (x.dim() - 2))
    return _of_all_ranks(mean, (apart.square() * shares).sum(axes), count)


def _of_all_ranks(
    mean: Tensor, variance: Tensor, count: Tensor | int
) -> tuple[Tensor, Tensor, Tensor | int]:
    """Moments [C] of this rank's values, which are `count`, as those of the values of all."""
    if world() == 1:
        return mean, variance, count
    counts = torch.ones_like(mean) * count
    means, variances, counts = gather(torch.stack([mean, variance, counts])[None]).unbind(
        1
    )  # [ranks, …]
    total = counts.sum(0)
    shares = counts / total
    mean = (shares * means).sum(0)
    return mean, (shares * (variances + (means - mean).square())).sum(0), total


def backward(loss: Tensor, network: nn.Module) -> None:
    """The gradients of a loss that every rank has computed of the whole batch."""
    if world() == 1:
        loss.backward()
        return
    (loss / world()).backward()  # every rank hands each row its gradient
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    total = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(total)
    for gradient, own in zip(
        gradients, total.split([gradient.numel() for gradient in gradients]), strict=True
    ):
        gradient.copy_(own.view(gradient.shape))


def on_main(measure: Callable[[], float]) -> float:
    """What the first rank measures, told to all."""
    if world() == 1:
        return measure()
    return _sum(measure() if is_main() else 0.0)


def anyone(asks: bool) -> bool:
    """Whether any rank asks."""
    return asks if world() == 1 else _sum(float(asks)) > 0


def require_same(value: int, what: str) -> None:
    """Raises WordbrushError where ranks do not have the same."""
    values = gather(torch.tensor([value], device=_device())).tolist() if world() > 1 else [value]
    if len(set(values)) > 1:
        raise WordbrushError(
            f"the processes found different {what} ({', '.join(map(str, values))}): they must see "
            "the same folder or bucket."
        )


def barrier() -> None:
    """Wait until all ranks are here."""
    anyone(False)


def _sum(value: float) -> float:
    total = torch.tensor(value, dtype=torch.float64, device=_device())
    dist.all_reduce(total)
    return total.item()


def _device() -> torch.device:
    """The device of messages between ranks."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
