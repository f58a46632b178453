"""The machine: what it is, its limits, and what work costs in terms of these limits."""

import os
import platform
from dataclasses import astuple, dataclass
from math import inf, prod
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import psutil
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from benchmarks.timing import WHOLE, Work, alternate, parts
from wordbrush.process import usable_cores
from wordbrush.training.compute import device
from wordbrush.versioning.git import head

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
# By kind of device: GPUs reach their limits only where there is much more to do at a time.
SIDES = {"cpu": (1024, 1536), "cuda": (4096, 8192)}  # of square matrices
# Channels and size: those of small networks and of VGG16.
CONVOLUTIONS = ((64, 32), (128, 32), (256, 28), (512, 14))
BATCH = {"cpu": 16, "cuda": 256}
COPIED = {"cpu": 1 << 26, "cuda": 1 << 29}  # floats: 256 MiB, 2 GiB; more than any cache holds
REPEATS = 5
KINDS = (torch.float32, torch.bfloat16)
THREAD_VARIABLES = ("OMP_", "GOMP_", "MKL_", "KMP_", "ONEDNN_", "DNNL_")
CONVOLUTION_NAMES = ("convolution", "_convolution", "convolution_backward")


@dataclass(frozen=True)
class Limits:
    """The most that this machine reaches with these threads."""

    matrix: float  # float32 operations a second of a matrix product
    convolution: float  # of a 3×3 convolution, channels last
    memory: float  # bytes a second, read and written, of a copy that fits no cache
    matrix16: float  # as above, in bfloat16
    convolution16: float

    def best(self, other: "Limits") -> "Limits":
        return Limits(*map(max, astuple(self), astuple(other)))


def measure_limits() -> Limits:
    """The best of several shapes and repeats of each."""
    sides = for_device(SIDES)
    matrix, matrix16 = (max(matrix_rate(side, kind) for side in sides) for kind in KINDS)
    convolution, convolution16 = (
        max(convolution_rate(*shape, kind) for shape in CONVOLUTIONS) for kind in KINDS
    )
    return Limits(matrix, convolution, memory_rate(), matrix16, convolution16)


def for_device(sizes: dict[str, T]) -> T:
    """The one for this device's kind; of other kinds than CPUs and NVIDIA's GPUs, as for CPUs."""
    return sizes.get(device().type, sizes["cpu"])


def matrix_rate(side: int, kind: torch.dtype) -> float:
    left, right = torch.randn(2, side, side, device=device()).to(kind)
    return 2 * side**3 / least_seconds(lambda: left @ right)


def convolution_rate(channels: int, size: int, kind: torch.dtype) -> float:
    images = torch.randn(for_device(BATCH), channels, size, size, device=device()).to(
        kind, memory_format=torch.channels_last
    )
    weight = torch.randn(channels, channels, 3, 3, device=device()).to(
        kind, memory_format=torch.channels_last
    )
    with torch.no_grad():
        return (
            2
            * images.numel()
            * channels
            * 9
            / least_seconds(lambda: F.conv2d(images, weight, padding=1))
        )


def memory_rate() -> float:
    source = torch.ones(for_device(COPIED), device=device())
    target = torch.zeros_like(source)
    return 2 * source.nbytes / least_seconds(lambda: target.copy_(source))


def least_seconds(work: Work) -> float:
    return min(alternate({"work": work}, REPEATS, inf)["work"][WHOLE].taken)


class Operator(NamedTuple):
    """One operator that ran: its operations, their limit, the bytes that it read and wrote."""

    operations: int
    limit: str  # a field of Limits
    traffic: int


@dataclass(frozen=True)
class Cost:
    """What work asks of the machine."""

    operators: list[Operator]

    @property
    def operations(self) -> int:
        """Of products and convolutions, as torch.utils.flop_counter counts them."""
        return sum(one.operations for one in self.operators)

    def arithmetic(self, limits: Limits) -> float:
        """Seconds, if these ran at their limits and all else took no time."""
        return sum(one.operations / getattr(limits, one.limit) for one in self.operators)

    def least(self, limits: Limits) -> float:
        """Seconds, if each operator ran at the limit of its operations or of its traffic.

        This is the roofline model.
        """
        return sum(
            max(one.operations / getattr(limits, one.limit), one.traffic / limits.memory)
            for one in self.operators
        )


class CostCounter(TorchDispatchMode):
    """Records every operator that runs within it, also those of backward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.operators: list[Operator] = []

    def __torch_dispatch__(
        self, operator: Any, types: Any, arguments: tuple = (), named: dict | None = None
    ) -> Any:
        named = named or {}
        result = operator(*arguments, **named)
        if not operator.is_view:
            packet = operator.overloadpacket
            count = flop_registry.get(packet)
            tensors = [
                one for one in tree_leaves((arguments, named, result)) if isinstance(one, Tensor)
            ]
            low = "16" if any(one.dtype == torch.bfloat16 for one in tensors) else ""
            self.operators.append(
                Operator(
                    int(count(*arguments, **named, out_val=result)) if count else 0,
                    ("convolution" if packet.__name__ in CONVOLUTION_NAMES else "matrix") + low,
                    sum(map(touched, tensors)),
                )
            )
        return result


def count_cost(work: Work) -> dict[str, Cost]:
    """The Cost of each part of the work, and of the whole."""
    costs, seen = {}, 0
    with CostCounter() as counter:
        for part in parts(work):
            costs[part] = Cost(counter.operators[seen if part else 0 :])
            seen = len(counter.operators)
    return costs


def touched(tensor: Tensor) -> int:
    """The bytes of memory behind a tensor; broadcast elements count once."""
    return tensor.element_size() * prod(
        size for size, stride in zip(tensor.shape, tensor.stride(), strict=True) if stride
    )


def facts() -> dict[str, Any]:
    """What a reader needs to judge a number: machine, versions, commit, threads.

    load: the system's load average of the last minute.
    """
    return {
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "usable_cores": usable_cores(),
            "system": platform.platform(),
            "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
            "load": round(os.getloadavg()[0], 1),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
        },
        "commit": dict(
            zip(("id", "dirty"), head(ROOT, untracked=True) or ("", False), strict=True)
        ),
        "threads": {
            "torch": torch.get_num_threads(),
            **{
                name: value
                for name, value in sorted(os.environ.items())
                if name.startswith(THREAD_VARIABLES)
            },
        },
    }


def cpu_model() -> str:
    """The name that the kernel gives; without one, the name that Python gives."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")),
        platform.processor(),
    )
