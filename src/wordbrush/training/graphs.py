"""Steps that a GPU repeats as a whole: one launch in place of hundreds (CUDA graphs).

A step is recorded once for each kind of step and each shape of its inputs. From then on the GPU
runs the same kernels on the same memory. So all that changes from step to step must be a tensor on
the device: batches are copied into the tensors that were there when the step was recorded, and
weights, optimisers and random numbers stay where they are.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from wordbrush.errors import WordbrushError
from wordbrush.training.parallel import by_kernels

Step = Callable[..., Tensor]


class Recorder(Protocol):
    """How a device records a step of no arguments."""

    @property
    def warmup(self) -> int:
        """So many steps of a kind come before it is recorded."""
        ...

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        """Take the step as it must be taken before one is recorded; returns what it gives."""
        ...

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """What repeats the step, and where its result will be. Nothing is computed yet."""
        ...


class CudaRecorder:
    """Records CUDA graphs, which share one pool of memory: they never run side by side.

    generators: whose random numbers the steps draw.
    """

    warmup = 3  # kernels are chosen, and optimisers get their moments

    def __init__(self, generators: Sequence[torch.Generator]):
        self.generators = generators
        self.stream, self.pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()

    def warm_up(self, step: Callable[[], Tensor]) -> Tensor:
        """On the stream that records: gradients remember the stream on which they were made."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            result = step()
        torch.cuda.current_stream().wait_stream(self.stream)
        return result

    def record(self, step: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Raises WordbrushError where the step does what no graph can hold."""
        graph = torch.cuda.CUDAGraph()
        for generator in self.generators:
            graph.register_generator_state(generator)
        mode = "thread_local"  # the loader's thread pins memory meanwhile
        try:
            with torch.cuda.graph(graph, self.pool, self.stream, capture_error_mode=mode):
                result = step()
        except RuntimeError as error:
            raise WordbrushError(
                f"a step could not be recorded as a CUDA graph ({str(error).splitlines()[0]}): set "
                "cuda_graphs: false in params.yaml, and start again."
            ) from error
        return graph.replay, result


MakeRecorder = Callable[[Sequence[torch.Generator]], Recorder]
"""Of the generators whose random numbers the steps draw."""


class _Recording:
    make: MakeRecorder | None = None


@contextmanager
def recording(make: MakeRecorder | None) -> Iterator[None]:
    """Within, trainings record their steps with the recorder that `make` gives them."""
    before = _Recording.make
    _Recording.make = make
    try:
        yield
    finally:
        _Recording.make = before


def cuda_graphs(wanted: bool, where: torch.device) -> MakeRecorder | None:
    """What records steps on a device; None where they are not recorded."""
    return CudaRecorder if wanted and where.type == "cuda" else None


@dataclass(frozen=True)
class _Recorded:
    """A step in memory of its own: the tensors among its inputs, and its result."""

    inputs: list[Tensor]
    replay: Callable[[], None]
    result: Tensor

    def __call__(self, *inputs: Tensor) -> Tensor:
        if inputs:
            torch._foreach_copy_(self.inputs, list(inputs))
        self.replay()
        return self.result.clone()  # the next replay overwrites it


class Graphs:
    """The recorded steps of one training. Where nothing is recorded, steps are simply taken:
    outside `recording`, and by several processes that talk to each other on the host (gloo).

    generators: whose random numbers the steps draw.
    """

    def __init__(self, *generators: torch.Generator):
        make = _Recording.make if by_kernels() else None
        self.recorder = make(generators) if make else None
        self.forget()

    @property
    def used(self) -> bool:
        """Whether steps are recorded: then, what they read and write must stay where it is."""
        return self.recorder is not None

    def forget(self) -> None:
        """Record anew: for weights or optimisers that have been replaced."""
        self.taken: dict[Hashable, int] = {}
        self.recorded: dict[Hashable, _Recorded] = {}

    def changing(self, value: float, where: torch.device) -> float | Tensor:
        """A number that differs from step to step, as a step should read it."""
        return torch.full((), value, device=where) if self.used else value

    def adopt(self, optimiser: torch.optim.Optimizer, where: torch.device) -> None:
        """Let recorded steps read the learning rates, which a schedule changes.

        Do so before the schedule is made, and again when either was restored.
        """
        for group in optimiser.param_groups:
            group["lr"] = self.changing(float(group["lr"]), where)

    def run(self, kind: Hashable, step: Step, *inputs: Tensor | float) -> Tensor:
        """What `step` gives for these inputs: tensors on the device, and numbers, of which each
        value is recorded.

        kind: tells apart steps that differ in more than the values and shapes of their inputs.
        """
        if self.recorder is None:
            return step(*inputs)
        tensors = [one for one in inputs if isinstance(one, Tensor)]
        key = (kind, *((one.shape, one.dtype) if torch.is_tensor(one) else one for one in inputs))
        taken = self.taken.get(key, 0)
        if taken < self.recorder.warmup:
            self.taken[key] = taken + 1
            return self.recorder.warm_up(partial(step, *inputs))
        if key not in self.recorded:
            own = [one.clone() if isinstance(one, Tensor) else one for one in inputs]
            kept = [one for one in own if isinstance(one, Tensor)]
            self.recorded[key] = _Recorded(kept, *self.recorder.record(partial(step, *own)))
        return self.recorded[key](*tensors)


def repeated(step: Step) -> Step:
    """A step that draws no random numbers, recorded where steps are: for many batches of one shape
    that no training takes."""
    return partial(Graphs().run, "", step)
