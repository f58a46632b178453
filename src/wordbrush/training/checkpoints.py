"""Checkpoints of a training: written by wall clock, the last two kept, resumed exactly.

A checkpoint is one safetensors file in a folder or under a gs:// prefix. Its header holds as JSON
all that is not a tensor. Its name has the step and the hash of its bytes:
`KEY/state-0000001200-SHA256.safetensors`. KEY is the hash of everything that the stage's result
depends on, so a checkpoint of other parameters, data or code is never found.
"""

import hashlib
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load, save

from wordbrush.errors import EXIT_STOPPED, Stopped, WordbrushError
from wordbrush.process import is_main, variable
from wordbrush.storage.addresses import open_store
from wordbrush.storage.objects import Changed, Store
from wordbrush.telemetry import metrics
from wordbrush.training import signals
from wordbrush.training.compute import device
from wordbrush.training.parallel import anyone, barrier, require_same

T = TypeVar("T")
Values = Callable[[], Mapping[str, Any]]
KEPT = 2
ADDRESS_VARIABLE = "WORDBRUSH_CHECKPOINTS"
DEFAULT_ADDRESS = ".wordbrush/checkpoints"
NAME = re.compile(r"(?P<kind>[a-z-]+)-(?P<step>\d{10})-(?P<sha256>[0-9a-f]{64})\.safetensors")


class Checkpoints:
    """The checkpoints of one stage.

    Without a store nothing is kept, but a signal still stops the loop after its step.
    """

    def __init__(self, store: Store | None = None, key: str = "", seconds: float = 120.0):
        self.store, self.key, self.seconds = store, key, seconds
        self.last = time.monotonic()
        self.kept = ""  # the newest good one, in words

    def restore(self, parts: Mapping[str, Any]) -> dict[str, Any] | None:
        """Fill the parts from the newest good checkpoint, and return the values kept with it.

        None: there is none, so training starts at the beginning. parts: modules, optimisers,
        anything with state_dict and load_state_dict, and random generators.
        """
        for step, name in reversed(self._names("state")):
            state = self._load(name)
            if state is not None:
                require_same(step, "checkpoints")
                for part, content in state["parts"].items():
                    fill(parts[part], content)
                _set_global_random(state["random"])
                self.kept = self._words("step", step)
                if is_main():
                    print(f"resuming from {self.kept}", file=sys.stderr, flush=True)
                return state["values"]
        require_same(0, "checkpoints")
        return None

    def offer(self, step: int, parts: Mapping[str, Any], values: Values) -> None:
        """After each step: save when it is time, and stop when asked to. Raises Stopped.

        values: called where something is saved. A training whose numbers are no numbers any more
        raises its error there, before its state is taken.
        Of several processes the first saves what all have, and all stop after the same step.
        """
        if due := is_main() and self._due():
            self._keep(step, parts, values)
        if anyone(bool(signals.asked())):
            if is_main() and self.store is not None and not due:  # another process was asked
                self._keep(step, parts, values)
            barrier()  # the launcher takes a process that ends for lost, and stops the others
            self._stop()

    def _keep(self, step: int, parts: Mapping[str, Any], values: Values) -> None:
        checked = dict(values())
        state = {
            "parts": {name: capture(part) for name, part in parts.items()},
            "values": checked,
            "random": _global_random(),
        }
        if self._save("state", step, state):
            self.kept = self._words("step", step)

    def continued(
        self, kind: str, start: Callable[[int], Iterator[T]], multiple: int = 1
    ) -> Iterator[T]:
        """The items of an ordered stream, of which an earlier run may have kept the first ones.

        `start(first)` makes the items from number `first` on, which is a multiple of `multiple`.
        Items consist of arrays and plain data.
        """
        done = 0
        for first, name in self._names(kind):
            piece = self._load(name) if first == done else None
            if piece is None:
                break
            yield from piece
            done += len(piece)
            self.kept = self._words(kind, done)
        fresh: list[T] = []
        with signals.finishing_steps():
            for item in start(done):
                yield item
                fresh.append(item)
                if len(fresh) % multiple == 0:
                    if self._due() and self._save(kind, done, fresh):
                        done, fresh = done + len(fresh), []
                        self.kept = self._words(kind, done)
                    if signals.asked():
                        self._stop()

    def clear(self) -> None:
        """The stage's outputs are written: nothing here is needed any more."""
        if self.store is not None and is_main():
            try:
                self.store.clear(self.key)
            except WordbrushError as error:
                print(f"checkpoints are left: {error}", file=sys.stderr, flush=True)

    def _due(self) -> bool:
        return self.store is not None and bool(
            signals.asked() or time.monotonic() - self.last >= self.seconds
        )

    def _stop(self) -> None:
        if not is_main():
            raise SystemExit(EXIT_STOPPED)  # the first one speaks for all
        raise Stopped(
            f"stopped by {signals.asked() or 'a signal to another process'}; "
            + (f"the next run goes on from {self.kept}." if self.kept else "nothing was kept.")
        )

    def _words(self, kind: str, step: int) -> str:
        return f"{kind} {step} in {self.store.address}/{self.key}" if self.store else ""

    def _names(self, kind: str) -> list[tuple[int, str]]:
        """Steps and names of one kind, in order."""
        found = self.store.names(self.key) if self.store is not None else []
        matches = (
            match for name in found if (match := NAME.fullmatch(name)) and match["kind"] == kind
        )
        return [(int(match["step"]), match[0]) for match in matches]

    def _save(self, kind: str, step: int, state: Any) -> bool:
        """Whether it was saved. A store that cannot be written costs the checkpoint alone."""
        assert self.store is not None  # or nothing would be due
        data = pack(state)
        name = f"{self.key}/{kind}-{step:010d}-{hashlib.sha256(data).hexdigest()}.safetensors"
        try:
            with suppress(Changed):  # another run of the same stage left the same bytes
                self.store.exchange(name, data, None)
        except WordbrushError as error:
            last = f"the last one is {self.kept}" if self.kept else "there is none yet"
            print(f"no checkpoint of {kind} {step} ({last}): {error}", file=sys.stderr, flush=True)
            return False
        finally:
            self.last = (
                time.monotonic()
            )  # after a bucket's patience: the next try comes when it is due again
        metrics.checkpoint_kept()
        if kind == "state":
            self._drop_old(kind)
        return True

    def _drop_old(self, kind: str) -> None:
        """All but the last KEPT."""
        assert self.store is not None
        try:
            for _, name in self._names(kind)[:-KEPT]:
                self.store.delete(f"{self.key}/{name}")
        except WordbrushError as error:
            print(f"old checkpoints are left: {error}", file=sys.stderr, flush=True)

    def _load(self, name: str) -> Any:
        """The state; None, and a line on stderr, where its bytes do not match its name."""
        assert self.store is not None  # which found the name
        data, match = self.store.read(f"{self.key}/{name}") or b"", NAME.fullmatch(name)
        if match is None or hashlib.sha256(data).hexdigest() != match["sha256"]:
            print(
                f"{self.store.address}/{self.key}/{name} is damaged, and left aside",
                file=sys.stderr,
                flush=True,
            )
            return None
        return unpack(data)


NO_CHECKPOINTS = Checkpoints()


def for_stage(key: str, minutes: float) -> Checkpoints:
    """Checkpoints in .wordbrush/checkpoints, or at the address (storage.addresses) that
    WORDBRUSH_CHECKPOINTS names. Each kind of device has its own.
    """
    address, kind = variable(ADDRESS_VARIABLE) or DEFAULT_ADDRESS, device().type
    if kind != "cpu":  # random numbers are drawn there: another kind of device cannot go on
        key = f"{key}-{kind}"
    return Checkpoints(open_store(address), key, 60 * minutes)


def capture(part: Any) -> Any:
    """All of a part that changes as it is used."""
    if isinstance(part, torch.Generator):
        return part.get_state()
    if isinstance(part, np.random.Generator):
        return part.bit_generator.state
    return part.state_dict()


def fill(part: Any, state: Any) -> None:
    """The reverse of `capture`."""
    if isinstance(part, torch.Generator):
        part.set_state(state)
    elif isinstance(part, np.random.Generator):
        part.bit_generator.state = state
    else:
        part.load_state_dict(state)
    if isinstance(
        part, torch.optim.Optimizer
    ):  # moments in the memory format of their weights, as fused optimisers expect
        for parameter, moments in part.state.items():
            for name, value in moments.items():
                if torch.is_tensor(value) and value.shape == parameter.shape:
                    moments[name] = torch.empty_like(parameter, requires_grad=False).copy_(value)


def _global_random() -> dict[str, Any]:
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def _set_global_random(state: dict[str, Any]) -> None:
    torch.set_rng_state(state["cpu"])
    if torch.cuda.is_available() and state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])


def pack(tree: Any) -> bytes:
    """Nested dictionaries, lists and tuples of tensors, arrays, bytes and plain values as one
    safetensors file.
    """
    tensors: dict[str, torch.Tensor] = {}

    def leaf(kind: str, tensor: torch.Tensor) -> dict[str, str]:
        tensors[str(len(tensors))] = (
            tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        )
        return {kind: str(len(tensors) - 1)}

    def walk(node: Any) -> Any:
        if torch.is_tensor(node):
            return leaf("tensor", node)
        if isinstance(node, np.ndarray):
            return leaf("array", torch.from_numpy(np.ascontiguousarray(node)))
        if isinstance(node, bytes):
            return leaf("bytes", torch.from_numpy(np.frombuffer(bytearray(node), np.uint8)))
        if isinstance(node, Mapping):
            return {"dict": [[key, walk(value)] for key, value in node.items()]}
        if isinstance(node, tuple | list):
            return {type(node).__name__: [walk(value) for value in node]}
        return node

    structure = walk(tree)
    return save(tensors, {"tree": json.dumps(structure)})


def unpack(data: bytes) -> Any:
    """The reverse of `pack`."""
    tensors = load(data)
    size = int.from_bytes(data[:8], "little")  # safetensors: the header's length, the header
    structure = json.loads(json.loads(data[8 : 8 + size])["__metadata__"]["tree"])

    def walk(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        ((kind, content),) = node.items()
        if kind == "dict":
            return {key: walk(value) for key, value in content}
        if kind in ("list", "tuple"):
            return (
                [walk(value) for value in content]
                if kind == "list"
                else tuple(walk(value) for value in content)
            )
        tensor = tensors[content]
        if kind == "array":
            return tensor.numpy()
        return tensor.numpy().tobytes() if kind == "bytes" else tensor

    return walk(structure)
