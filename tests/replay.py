"""What a CUDA graph does, done on a CPU: a step is recorded, and repeated on the same memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """Records operations. A replay repeats each with the tensors and the Python values of then, and
    writes what it gives where its result was: what a step does in Python alone is not repeated.

    As with a graph, recording changes nothing: `undo` puts back what the operations changed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, Any, Any, Any]] = []
        self.made: set[int] = set()  # storages that belong to the tape
        self.before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}
        self.states: dict[torch.Generator, Tensor] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        for leaf in tree_leaves((args, kwargs)):
            if isinstance(leaf, torch.Generator) and leaf not in self.states:
                self.states[leaf] = leaf.get_state()
            if isinstance(leaf, Tensor) and changes_arguments(func):
                self.keep(leaf.untyped_storage())
        result = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, result))
        if not aliases(func):
            self.made.update(one.untyped_storage()._cdata for one in tensors(result))
        return result

    def keep(self, storage: torch.UntypedStorage) -> None:
        """What lies in a storage that was there before."""
        if storage._cdata not in self.made:
            self.before.setdefault(storage._cdata, (storage, storage.clone()))

    def undo(self) -> None:
        for storage, content in self.before.values():
            storage.copy_(content)
        for generator, state in self.states.items():
            generator.set_state(state)

    def replay(self) -> None:
        with torch.no_grad():
            for func, args, kwargs, result in self.operations:
                again = func(*args, **kwargs)
                if not aliases(func):
                    for old, new in zip(tensors(result), tensors(again), strict=True):
                        old.copy_(new)


class TapeRecorder:
    """Records with tapes."""

    warmup = 1

    def __init__(self, generators: Sequence[torch.Generator]):
        self.recorded = 0

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        return step()

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        with Tape() as tape:
            result = step()
        tape.undo()
        self.recorded += 1
        return tape.replay, result


class NeverRecords(TapeRecorder):
    """Takes the same path, one operation after another."""

    warmup = 1 << 30


def changes_arguments(func: Any) -> bool:
    # batch norm's schema does not say that it moves the running statistics
    return func._schema.is_mutable or func.overloadpacket.__name__ == "native_batch_norm"


def aliases(func: Any) -> bool:
    """Whether an operation returns its arguments, or views of them, or nothing."""
    return all(one.alias_info is not None for one in func._schema.returns)


def tensors(result: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
