"""How many rows a GPU takes at once where nothing is learned: planned from the size of its memory.

Planned is from all of its memory, not from what is free now: another batch may round otherwise, and
the same kind of GPU should give the same results, whatever else runs there.
"""

import weakref
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from wordbrush.training.compute import Network
from wordbrush.training.parallel import alone

SHARE = 1 / 8  # ours: of all memory; a training, its optimiser and its data may be there, too
MOST_ROWS = 4096  # ours: that come from the host at once; 64×64 pictures of float32 are 200 MB


def rows_that_fit(size: int, each: int) -> int:
    """How many rows of `each` bytes a GPU with `size` bytes of memory takes at once: a power of 2,
    so that few shapes occur, and one at least."""
    most = min(int(SHARE * size) // max(1, each), MOST_ROWS)
    return 1 << max(0, most.bit_length() - 1)


def rows_at_once(
    usual: int, each: Callable[[], int], where: torch.device, size: int | None = None
) -> int:
    """How many rows a device takes at once: on CPUs the usual number, on GPUs as many as fit.

    each: gives the bytes that a row takes. size: of a GPU's memory; if not given, as it is.
    """
    if where.type != "cuda":
        return usual
    if size is None:
        size = torch.cuda.get_device_properties(where).total_memory
    return rows_that_fit(size, each())


def bytes_a_row(build: Callable[[], Network], forward: Callable[[Network, int], Any]) -> int:
    """By how much another row raises the peak of a forward pass that keeps nothing.

    forward: passes so many rows, which it makes, through the network. Counted on PyTorch's meta
    device, where nothing is allocated or computed.
    """
    with alone(), torch.device("meta"), torch.no_grad():
        network = build().eval()
        one, two = (_peak(network, partial(forward, network, rows)) for rows in (1, 2))
    return two - one


def _peak(network: torch.nn.Module, work: Callable[[], Any]) -> int:
    """The most bytes at any time, beside the network, of the tensors which the work makes."""
    with _Held(network) as held:
        work()
    return held.most


class _Held(TorchDispatchMode):
    """Counts the bytes of tensors that operations have made, while they are there."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.now = self.most = 0
        self.known = WeakIdKeyDictionary()
        for tensor in chain(network.parameters(), network.buffers()):
            self.known[tensor.untyped_storage()] = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and leaf.untyped_storage() not in self.known:
                self._hold(leaf.untyped_storage())
        return result

    def _hold(self, storage: torch.UntypedStorage) -> None:
        size = storage.nbytes()
        self.known[storage] = size
        self.now += size
        self.most = max(self.most, self.now)
        weakref.finalize(storage, self._release, size)

    def _release(self, size: int) -> None:
        self.now -= size
