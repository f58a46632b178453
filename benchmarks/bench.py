"""A line of the table, and the tools that rows measure it with."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from benchmarks.machine import ROOT, Cost, Limits, count_cost
from benchmarks.peers import Peers
from benchmarks.timing import WHOLE, Seconds, Work, alternate, peak_bytes
from wordbrush import params as parameters
from wordbrush.params import Params
from wordbrush.presets import read_preset
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.training.compute import keep_freed_memory, precision

NONE = "none"  # work without a baseline
# The sizes that glibc's thresholds reach by themselves: mallopt(3), "dynamic mmap threshold".
GLIBC = (32 << 20, 64 << 20)


@dataclass(frozen=True)
class Target:
    """What the ratio of a line should be: at least `bound`, or, of a cost, at most `bound`."""

    bound: float
    at_most: bool = False

    def met(self, ratio: float) -> bool:
        return ratio <= self.bound if self.at_most else ratio >= self.bound

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"


@dataclass(frozen=True)
class Line:
    """The measurements of one piece of work.

    against: what the baseline is, or why there is none. cost: None where PyTorch does not compute
    the work. memory, baseline_memory: bytes at the peak. units: what one run handles, such as
    samples.
    """

    row: str
    work: str
    ours: Seconds
    against: str = NONE
    baseline: Seconds | None = None
    target: Target | None = None
    cost: Cost | None = None
    memory: int | None = None
    baseline_memory: int | None = None
    units: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the baseline; with a target `at_most`, as slow."""
        if self.baseline is None:
            return None
        faster = self.baseline.median / self.ours.median
        return 1 / faster if self.target and self.target.at_most else faster

    def shares(self, limits: Limits) -> dict[str, float] | None:
        """The shares of the machine's limits that are reached.

        arithmetic: by products and convolutions alone. operators: by each operator, at the limit of
        its arithmetic or its memory traffic.
        """
        if self.cost is None:
            return None
        return {
            "arithmetic": self.cost.arithmetic(limits) / self.ours.median,
            "operators": self.cost.least(limits) / self.ours.median,
        }

    def record(self, limits: Limits) -> dict[str, Any]:
        """The line as JSON; seconds are medians."""
        theirs, ratio = self.baseline, self.ratio
        return {
            "row": self.row,
            "work": self.work,
            "seconds": self.ours.median,
            "spread": self.ours.spread,
            "repeats": len(self.ours.taken),
            "baseline": self.against,
            "baseline_seconds": theirs and theirs.median,
            "baseline_spread": theirs and theirs.spread,
            "baseline_repeats": theirs and len(theirs.taken),
            "ratio": ratio,
            "target": self.target and str(self.target),
            "met": self.target.met(ratio) if self.target and ratio else None,
            "operations": self.cost and self.cost.operations,
            "share_of_limit": self.shares(limits),
            "peak_bytes": self.memory,
            "baseline_peak_bytes": self.baseline_memory,
            "per_second": self.units and self.units / self.ours.median,
            "note": self.note,
        }


@dataclass
class Bench:
    """What every row is given.

    demo: a folder where the demo has run, for rows that can use its data. row: the one that is
    running.
    """

    quick: bool
    peers: Peers
    scratch: Path
    demo: Path | None = None
    row: str = field(default="", init=False)

    @property
    def repeats(self) -> int:
        return 5 if self.quick else 9

    @property
    def budget(self) -> float:
        """The seconds that one piece of work may take in all its repeats."""
        return 10.0 if self.quick else 60.0

    def params(self, preset: str | None = None) -> Params:
        """params.yaml as it is, with the values of a preset over it."""
        base = read_yaml(ROOT / PARAMS)
        changes = read_preset(preset, ROOT / PARAMS, ROOT / "presets") if preset else {}
        return parameters.parse(
            merge(base, changes), f"{PARAMS} with {preset}" if preset else PARAMS
        )

    def folder(self) -> Path:
        """A new one, deleted when the benchmarks end."""
        return Path(tempfile.mkdtemp(dir=self.scratch))

    def compare(
        self,
        work: str,
        ours: Work,
        baseline: Work | None = None,
        against: str = NONE,
        target: Target | None = None,
        published: bool = True,
        memory: bool = False,
        computed: bool = True,
        units: float | None = None,
        note: str = "",
        precision: str = "float32",
    ) -> Iterator[Line]:
        """A line for each part of the work and one for the whole.

        published: the baseline is others' code and runs as its authors run it. memory: measure
        peaks too. computed: PyTorch computes the work, so its share of the machine's limits is
        known. precision: of our work, as in params.yaml; others' is float32.
        """
        ours = in_precision(precision, ours)
        works = {"ours": ours}
        if baseline:
            works["baseline"] = as_published(baseline) if published else baseline
        taken = alternate(works, self.repeats, self.budget)
        costs = count_cost(ours) if computed else {}
        measured = [name for name in works if taken[name][WHOLE].median < self.budget]
        peaks = {name: peak_bytes(works[name]) for name in measured} if memory else {}
        theirs = taken.get("baseline", {})
        for part, seconds in taken["ours"].items():
            line = Line(
                self.row,
                f"{work}: {part}" if part else work,
                seconds,
                against,
                theirs.get(part),
                cost=costs.get(part),
            )
            yield (
                line
                if part
                else replace(
                    line,
                    target=target,
                    memory=peaks.get("ours"),
                    baseline_memory=peaks.get("baseline"),
                    units=units,
                    note=note,
                )
            )


def in_precision(name: str, work: Work) -> Work:
    """The work, with the matrix products of its trainings in that precision."""

    def run() -> Iterator[str]:
        with precision(name):
            done = work()
            if isinstance(done, Iterator):
                yield from done

    return run


def as_published(work: Work) -> Work:
    """Others' work, without the settings of our stages.

    These are deterministic algorithms, and an allocator that keeps large blocks.
    """

    def run() -> Iterator[str]:
        torch.use_deterministic_algorithms(False)
        keep_freed_memory(*GLIBC)
        try:
            done = work()
            if isinstance(done, Iterator):
                yield from done
        finally:
            torch.use_deterministic_algorithms(True, warn_only=True)
            keep_freed_memory()

    return run
