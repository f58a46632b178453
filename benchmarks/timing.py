"""How long pieces of work take, timed in turn, and how much memory they need.

A piece of work is a callable. A generator function is timed in parts: what it does before each
`yield "name"` is the part `name`.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

Work = Callable[[], Any]
WHOLE = ""  # the name of the part that is all of the work
MANY, ENOUGH = 8, 1.0  # short work gets so many times the repeats, within so many seconds


@dataclass(frozen=True)
class Seconds:
    """How long work (or a part of it) took, each time."""

    taken: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        return float(np.median(self.taken))

    @property
    def spread(self) -> float:
        """The distance between the quartiles, as a share of the median."""
        low, high = np.quantile(self.taken, (0.25, 0.75))
        return float((high - low) / self.median)


def parts(work: Work) -> Iterator[str]:
    """Do the work. Yields the name of each part at its end, then WHOLE."""
    done = work()
    if isinstance(done, Iterator):
        yield from done
    yield WHOLE


def timed(work: Work) -> dict[str, float]:
    """Do the work once. Returns the seconds of each part and of the whole."""
    wait_for_device()
    began = last = time.perf_counter()
    taken = {}
    for part in parts(work):
        wait_for_device()
        now = time.perf_counter()
        taken[part], last = now - (last if part else began), now
    return taken


def alternate(works: dict[str, Work], repeats: int, budget: float) -> dict[str, dict[str, Seconds]]:
    """Do the works in turn (a, b, a, b, …). Returns the Seconds of each, by part.

    Work that has used up its `budget` of seconds drops out of the turns, after at least one; short
    work gets more than `repeats`. The first turn warms up and does not count, unless it took a
    quarter of the budget.
    """
    taken: dict[str, list[dict[str, float]]] = {name: [] for name in works}
    began = time.perf_counter()
    for turn in range(MANY * repeats + 1):
        if turn > repeats and time.perf_counter() - began > ENOUGH:
            break
        for name, work in works.items():
            if sum(one[WHOLE] for one in taken[name]) < budget:
                once = timed(work)
                if turn or once[WHOLE] >= budget / 4:
                    taken[name].append(once)
    return {
        name: {part: Seconds([once[part] for once in times]) for part in times[0]}
        for name, times in taken.items()
    }


def wait_for_device() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def peak_bytes(work: Work) -> int:
    """The most memory that PyTorch's allocator holds at a time beyond what it held before."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        list(parts(work))
        return torch.cuda.max_memory_allocated() - before
    with profile(
        activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True
    ) as profiled:
        list(parts(work))
    changes = [
        (event.start_ns(), event.nbytes())
        for event in profiled.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    return int(
        max(0, np.cumsum([size for _, size in sorted(changes)], dtype=np.int64).max(initial=0))
    )
