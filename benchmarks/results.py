"""The table: on a terminal, as Markdown, as JSON."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.bench import Line
from benchmarks.machine import Limits
from benchmarks.scaling import Sweep
from benchmarks.timing import Seconds

HEADER = (
    "work",
    "ours",
    "±",
    "against",
    "theirs",
    "±",
    "ratio",
    "target",
    "arithmetic",
    "limit",
    "peak",
    "theirs",
)
SWEEP_HEADER = ("work", "over", "seconds at", "slope")
FILE_WIDTH = 200  # columns where the output is no terminal
WORDS = {True: "met", False: "missed", None: ""}


def cells(line: Line, limits: Limits) -> tuple[str, ...]:
    """The cells of a row of the table; empty where nothing was measured."""
    theirs, ratio, shares = line.baseline, line.ratio, line.shares(limits) or {}
    verdict = (
        f"{line.target} {WORDS[line.target.met(ratio) if ratio else None]}".strip()
        if line.target
        else ""
    )
    rate = f" ({line.units / line.ours.median:,.3g}/s)" if line.units else ""
    return (
        line.work + rate,
        duration(line.ours.median),
        spread(line.ours),
        line.against,
        duration(theirs.median) if theirs else "",
        spread(theirs) if theirs else "",
        f"{ratio:.3g}×" if ratio else "",
        verdict,
        percent(shares.get("arithmetic")),
        percent(shares.get("operators")),
        size(line.memory),
        size(line.baseline_memory),
    )


def duration(seconds: float) -> str:
    """Three digits, in s, ms or µs."""
    unit, factor = next(
        ((unit, factor) for unit, factor in (("s", 1), ("ms", 1e3)) if seconds * factor >= 1),
        ("µs", 1e6),
    )
    return f"{seconds * factor:.3g} {unit}" if seconds < 1000 else f"{seconds:.0f} s"


def spread(seconds: Seconds) -> str:
    return percent(seconds.spread) if len(seconds.taken) > 1 else "once"


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.3g} %"


def size(amount: int | None) -> str:
    return "" if amount is None else f"{amount / 1e6:,.0f} MB"


def sweep_cells(sweep: Sweep) -> tuple[str, ...]:
    at = (
        f"{size:g}: {duration(seconds)}"
        for size, seconds in zip(sweep.sizes, sweep.seconds, strict=True)
    )
    return sweep.work, sweep.over, ", ".join(at), f"{sweep.slope:.2f}"


def tables(
    lines: Sequence[Line], sweeps: Sequence[Sweep], limits: Limits
) -> list[tuple[Sequence[str], list[tuple[str, ...]]]]:
    """Header and rows of each table that has rows."""
    both = [
        (HEADER, [cells(line, limits) for line in lines]),
        (SWEEP_HEADER, [sweep_cells(sweep) for sweep in sweeps]),
    ]
    return [(header, rows) for header, rows in both if rows]


def notes(lines: Sequence[Line]) -> list[str]:
    return [f"{line.work}: {line.note}." for line in lines if line.note]


def show(
    lines: Sequence[Line], sweeps: Sequence[Sweep], limits: Limits, document: dict[str, Any]
) -> None:
    """Print the tables."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(width=FILE_WIDTH, highlight=False)
    for header, rows in tables(lines, sweeps, limits):
        table = Table(*header)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for sentence in (*notes(lines), summary(document)):
        console.print(sentence)


def markdown(
    lines: Sequence[Line], sweeps: Sequence[Sweep], limits: Limits, document: dict[str, Any]
) -> str:
    """The tables as Markdown, for docs/performance.md."""
    text = [summary(document), ""]
    for header, rows in tables(lines, sweeps, limits):
        text += [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)] + [""]
    return "\n".join([*text, *(f"- {sentence}" for sentence in notes(lines))]) + "\n"


def summary(document: dict[str, Any]) -> str:
    """Machine, commit and limits in a sentence or two."""
    machine, commit, limits = document["machine"], document["commit"], document["limits"]
    threads, gpu = document["threads"]["torch"], machine["gpu"] or "no GPU"
    return (
        f"{machine['cpu']}, {machine['usable_cores']} of {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {gpu}; load {machine['load']:g} before; "
        f"{threads} thread{'s' * (threads != 1)}; PyTorch {document['versions']['torch']}; "
        f"commit {commit['id'][:9] or 'unknown'}{' with changes' * commit['dirty']}. Limits: "
        f"{limits['matrix'] / 1e9:.0f} GFLOP/s matrix product, "
        f"{limits['convolution'] / 1e9:.0f} GFLOP/s convolution "
        f"(bfloat16: {limits['matrix16'] / 1e9:.0f} and {limits['convolution16'] / 1e9:.0f}), "
        f"{limits['memory'] / 1e9:.1f} GB/s memory."
    )
