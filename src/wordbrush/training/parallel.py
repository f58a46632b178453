"""One training by several processes (ranks), each with its part of every batch: the same as by one process, to rounding.

Every rank draws the random numbers of the whole batch, from the same seeds, and takes its rows (`shard`). What meets other rows,
such as scores, moments or minibatch statistics, is gathered with its gradient, so that every rank knows the loss of the whole
batch; `backward` leaves that loss' gradient on all of them, and so weights, moments and averages stay the same everywhere.
PyTorch's DistributedDataParallel averages losses of parts, of one forward pass a step; impostors from the whole batch, batch
norms over it and penalties on gradients need more. With one process every function here hands back what it is given.
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
    """Within, the processes of one launch are one group, each with a GPU of its own if there are as many."""
    if not is_worker():
        yield
        return
    gpus, here = torch.cuda.device_count(), int(os.environ["LOCAL_WORLD_SIZE"])
    if gpus:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % gpus)
    dist.init_process_group(
        "nccl" if gpus >= here else "gloo", timeout=PATIENCE
    )  # NCCL refuses to share a GPU
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


def part(count: int) -> int:
    """Each rank's rows of a batch of `count`. Raises WordbrushError where they would not be equally many."""
    if count % world():
        raise WordbrushError(
            f"a batch of {count} cannot be shared equally by {world()} processes: choose another batch size in "
            f"params.yaml, or another {VARIABLE}."
        )
    return count // world()


def whole(count: int) -> int:
    """The rows of the whole batch, of which this rank has `count`."""
    return count * world()


def shard(rows: Rows) -> Rows:
    """This rank's rows of a whole batch [N, …]: [N / ranks, …]."""
    if world() == 1:
        return rows
    count = part(len(rows))
    return rows[dist.get_rank() * count : (dist.get_rank() + 1) * count]


def gather(rows: Tensor) -> Tensor:
    """The reverse of `shard`: the rows of all ranks [N, …]. Its gradient is the sum of what all of them make of it."""
    if world() == 1:
        return rows
    if rows.dtype == torch.bool:
        return gather(rows.byte()).bool()
    before, after = dist.get_rank() * len(rows), (world() - dist.get_rank() - 1) * len(rows)
    return all_reduce(
        torch.cat(
            [rows.new_zeros(before, *rows.shape[1:]), rows, rows.new_zeros(after, *rows.shape[1:])]
        )
    )


def moments(x: Tensor, axes: list[int] | None = None) -> tuple[Tensor, Tensor, Tensor | int]:
    """Mean and variance over these axes, or all, of what all ranks have; and how many values each is of."""
    mean = x.mean(axes, keepdim=True)
    variance = (
        (x - mean).square().mean(axes)
    )  # in two passes: on CPUs, PyTorch's var_mean takes 17 times as long
    mean = mean.view(variance.shape)
    count = x.numel() // mean.numel()
    if world() == 1:
        return mean, variance, count
    means, variances, counts = gather(
        torch.stack([mean, variance, torch.full_like(mean, count)])[None]
    ).unbind(1)  # [ranks, …]
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
            f"the processes found different {what} ({', '.join(map(str, values))}): they must see the same "
            "folder or bucket."
        )


def barrier() -> None:
    """Wait until all ranks are here."""
    anyone(False)


def _sum(value: float) -> float:
    total = torch.tensor(value, dtype=torch.float64, device=_device())
    dist.all_reduce(total)
    return total.item()


def _device() -> torch.device:
    """Where what the ranks say to each other lies."""
    return torch.device("cuda" if dist.get_backend() == "nccl" else "cpu")
