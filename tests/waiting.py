"""What a piece of work would have waited for on a GPU, found on a CPU."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

# Their results, or the shapes of their results, depend on values: the host waits for them.
READS = {
    "_local_scalar_dense",
    "_unique2",
    "allclose",
    "bincount",
    "equal",
    "is_nonzero",
    "item",
    "masked_select",
    "multinomial",
    "nonzero",
    "repeat_interleave",
    "unique_consecutive",
    "unique_dim",
}
INDEXING = {"_index_put_impl_", "index", "index_put", "index_put_"}
MASKS = (torch.bool, torch.uint8)
# What brings values to Python; on CPUs these are no operations of PyTorch.
LEAVES = {"__array__", "cpu", "item", "numpy", "tolist"}


class _Operations(TorchDispatchMode):
    def __init__(self, found: list[str]):
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name in READS or (name in INDEXING and any(map(_is_mask, args[1]))):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


class _Methods(TorchFunctionMode):
    def __init__(self, found: list[str]):
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        # a list is copied from memory that is not pinned
        if name in LEAVES or (name == "tensor" and isinstance(args[0], list | tuple)):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


def _is_mask(index: Any) -> bool:
    return torch.is_tensor(index) and index.dtype in MASKS


@contextmanager
def waits() -> Iterator[list[str]]:
    """The names of all operations within for which the host would wait, in order."""
    found: list[str] = []
    with _Operations(found), _Methods(found):
        yield found
