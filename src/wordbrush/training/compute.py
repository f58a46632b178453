"""The device: its determinism, its precision, its memory, and how tensors come to it."""

import ctypes
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch

from wordbrush.training.memory import SMALL, require_memory
from wordbrush.training.parallel import alone

Network = TypeVar("Network", bound=torch.nn.Module)

# Of cuBLAS: with one buffer of fixed size for each stream, products are added up in one order.
WORKSPACE_VARIABLE, WORKSPACE = "CUBLAS_WORKSPACE_CONFIG", ":4096:8"

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEEP_BYTES = 1 << 30


def keep_freed_memory(blocks: int = KEEP_BYTES, in_all: int = KEEP_BYTES) -> None:
    """Let glibc keep freed blocks, up to these sizes, for reuse.

    Otherwise large tensors are mapped and faulted in anew at each step.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "mallopt"):
            libc.mallopt(M_MMAP_THRESHOLD, blocks)
            libc.mallopt(M_TRIM_THRESHOLD, in_all)


def device() -> torch.device:
    """The GPU where there is one, NVIDIA's or Apple's, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def device_of(network: torch.nn.Module) -> torch.device:
    """Where a network is."""
    return next(network.parameters()).device


def runs_ahead(where: torch.device) -> bool:
    """Whether the host runs ahead of this device, and would have to wait to see a result of it.

    There, steps never ask for a result: shapes do not depend on values, and what need not be
    computed is computed and left out. On CPUs asking costs nothing, and saves that work.
    """
    return where.type == "cuda" or _Ahead.everywhere


@contextmanager
def running_ahead() -> Iterator[None]:
    """Within, steps on a CPU take the path of steps on GPUs; the results differ by rounding."""
    before, _Ahead.everywhere = _Ahead.everywhere, True
    try:
        yield
    finally:
        _Ahead.everywhere = before


class _Ahead:
    everywhere = False


def to_device(tensor: torch.Tensor, where: torch.device) -> torch.Tensor:
    """The tensor on a device. To a GPU it is copied from pinned memory: the host does not wait."""
    if where.type != "cuda" or tensor.device.type != "cpu":
        return tensor.to(where)
    return tensor.pin_memory().to(where, non_blocking=True)  # pinned already: the same tensor


def random_numbers(seed: int, where: torch.device | None = None) -> torch.Generator:
    """Random numbers on a device, by default that of networks: there, they need no copy.

    On another kind of device a seed gives other numbers.
    """
    return torch.Generator(where or device()).manual_seed(seed)


def channels_last(network: Network, where: torch.device | None = None) -> Network:
    """Move a network to a device; its convolutions keep channels last, which is faster.

    If no device is named, the network stays where it is.
    """
    # PyTorch's stub of Module.to lacks memory_format
    return network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]


def set_seed(seed: int) -> None:
    """Seed every generator, and choose deterministic algorithms: same seed and CPU, same bytes."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    # torch.use_deterministic_algorithms does the same, and loads the compiler: two more seconds
    torch.set_deterministic_debug_mode("warn")
    # filling takes a third of a step's time, and nothing reads what is filled
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]


@contextmanager
def algorithms(deterministic: bool, where: torch.device | None = None) -> Iterator[None]:
    """Within, trainings on a GPU run deterministic algorithms, or else the fastest.

    Deterministic ones give the same bytes again, on the same kind of GPU with the same versions.
    Of an operation that has none PyTorch warns. cuBLAS reads its variable when a process uses it
    first, so enter this before. Elsewhere nothing changes: `set_seed` chose what CPUs run.
    """
    if (where or device()).type != "cuda":
        yield
        return
    mode, tried = torch.get_deterministic_debug_mode(), torch.backends.cudnn.benchmark
    if deterministic:
        os.environ.setdefault(WORKSPACE_VARIABLE, WORKSPACE)
    torch.set_deterministic_debug_mode("warn" if deterministic else "default")
    torch.backends.cudnn.benchmark = not deterministic  # try each convolution's, keep the fastest
    try:
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        torch.backends.cudnn.benchmark = tried


@contextmanager
def precision(name: str) -> Iterator[None]:
    """Within, trainings compute matrix products in `float32`, `bfloat16` or `auto`.

    `auto` is bfloat16 where the processor multiplies it (GPUs, AVX-512 BF16, AMX), which is about
    twice as fast there.
    """
    before, _Precision.low = (
        _Precision.low,
        name == "bfloat16" or (name == "auto" and multiplies_bfloat16()),
    )
    try:
        yield
    finally:
        _Precision.low = before


class _Precision:
    low = False


def multiplies_bfloat16() -> bool:
    """Whether the device has instructions for it."""
    if device().type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def mixed_precision() -> torch.autocast:
    """Within, convolutions and matrix products run in what `precision` chose.

    Weights, optimisers and sums stay float32. Weights are converted anew at each use on GPUs, since
    a graph that is recorded within holds no weights of before.
    """
    where = device().type
    kept = where != "cuda"
    return torch.autocast(where, torch.bfloat16, enabled=_Precision.low, cache_enabled=kept)


def training_bytes(build: Callable[[], Network], forward: Callable[[Network], Any]) -> int:
    """Bytes that training a network takes.

    They are of weights, gradients, an optimiser's two moments, and what a forward pass keeps for
    the backward pass. Counted on PyTorch's meta device, where nothing is allocated or computed.
    """
    kept: dict[int, torch.UntypedStorage] = {}  # what several operations keep counts once

    def count(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[id(storage)] = storage
        return tensor

    with (
        alone(),
        torch.device("meta"),
        torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor),
    ):
        network = build()
        forward(network)
    own = {id(weight.untyped_storage()) for weight in network.parameters()}
    return 4 * sum(weight.nbytes for weight in network.parameters()) + sum(
        storage.nbytes() for number, storage in kept.items() if number not in own
    )


def require_device_memory(
    what: str, needed: int, advice: str, where: torch.device | None = None
) -> None:
    """As `require_memory`, of a device; if none is named, the one on which networks run."""
    if needed > SMALL and (where or device()).type == "cuda":
        # held by PyTorch, and free to be used
        unused = torch.cuda.memory_reserved() - torch.cuda.memory_allocated()
        require_memory(what, needed, advice, torch.cuda.mem_get_info()[0] + unused)
    else:
        require_memory(what, needed, advice)
