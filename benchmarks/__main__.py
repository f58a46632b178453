"""`python -m benchmarks` measures speed, prints a table and writes JSON.

`--quick` takes minutes; the whole takes an hour or more.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, TypeVar

import typer

os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # no remarks of the profiler on memory
os.environ.setdefault("KINETO_LOG_LEVEL", "5")  # nor on missing GPUs

import wordbrush.cli  # noqa: F401 - sets how OpenMP waits, as for the stages, before torch loads
from benchmarks import device as on_device
from benchmarks import results
from benchmarks.bench import Bench, Line
from benchmarks.machine import facts, measure_limits
from benchmarks.peers import Peers
from benchmarks.rows import ROWS, SLOW
from benchmarks.scaling import Sweep, sweeps
from wordbrush import params as parameters
from wordbrush.errors import WordbrushError, run_command
from wordbrush.process import usable_cores
from wordbrush.storage.files import require_writable, whole_file, write_json
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.paths import given_path

SEED = 0
T = TypeVar("T", Line, Sweep)


def whole_path(text: str) -> Path:
    """The path that somebody wrote, from the root on: rows change the current folder."""
    return given_path(text).resolve()


QuickOption = Annotated[
    bool, typer.Option("--quick", help="Small sizes, few repeats, no whole runs.")
]
RowsOption = Annotated[
    list[str] | None,
    typer.Option(metavar="ROW", help=f"One of {', '.join(ROWS)}; may be repeated."),
]
ScalingOption = Annotated[
    bool, typer.Option("--scaling", help="How costs grow; alone, or with the rows of --only.")
]
DeviceOption = Annotated[
    bool,
    typer.Option(
        "--device",
        help="Training steps alone, on the GPU if there is one: launches and idle time of the "
        "card. Under four minutes; only with --quick (the demo's steps alone), --threads, --json, "
        "--davenet and --gan-zoo.",
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="PyTorch's threads; all cores if not given.")
]
JsonOption = Annotated[Path, typer.Option(help="Where to write all numbers.", parser=given_path)]
MarkdownOption = Annotated[
    Path | None, typer.Option(help="Where to write the table for the docs.", parser=given_path)
]
DemoOption = Annotated[
    Path | None,
    typer.Option(
        help="A folder in which `make demo` has run: the steps with edits take its "
        "drawings, captions and clusters.",
        parser=whole_path,
    ),
]
PeerOption = Annotated[
    Path | None,
    typer.Option(help="A checkout to compare with.", show_default=False, parser=whole_path),
]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    quick: QuickOption = False,
    only: RowsOption = None,
    scaling: ScalingOption = False,
    device: DeviceOption = False,
    threads: ThreadsOption = None,
    json: JsonOption = Path(".wordbrush/benchmarks.json"),
    markdown: MarkdownOption = None,
    demo: DemoOption = None,
    davenet: PeerOption = None,
    gan_zoo: PeerOption = None,
    gandissect: PeerOption = None,
    denseav: PeerOption = None,
) -> None:
    if device:
        if any((only, scaling, markdown, demo, gandissect, denseav)):
            raise WordbrushError(
                "--device goes only with --quick, --threads, --json, --davenet and --gan-zoo."
            )
        require_writable(json)
        measure_device(quick, threads or usable_cores(), json, Peers(davenet, gan_zoo))
        return
    rows = chosen_rows(only, quick, scaling)
    for target in (json, markdown):
        if target:
            require_writable(target)  # before hours of work
    peers = Peers(davenet, gan_zoo, gandissect, denseav)
    if demo:
        parameters.load(demo / PARAMS)  # refuse a folder without a run before anything is measured
    compute_as_stages_do(threads or usable_cores())
    document = {**facts(), "quick": quick, "peers": peers.commits()}
    limits = measure_limits()
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(quick, peers, Path(scratch), demo)
        lines = [line for row in rows for line in measure(bench, row)]
        grown = list(announced(sweeps(bench))) if scaling else []
    if any(line.cost for line in lines):
        limits = limits.best(measure_limits())  # a shared machine is not equally busy all the time
    document |= {
        "limits": asdict(limits),
        "rows": [line.record(limits) for line in lines],
        "scaling": [sweep.record() for sweep in grown],
    }
    results.show(lines, grown, limits, document)
    write_json(json, document)
    if markdown:
        with whole_file(markdown) as out:
            out.write_text(results.markdown(lines, grown, limits, document), encoding="utf-8")


def measure_device(quick: bool, threads: int, json: Path, peers: Peers) -> None:
    """Print each training step as it is measured, and write all as JSON."""
    compute_as_stages_do(threads)
    with tempfile.TemporaryDirectory() as scratch:
        bench = Bench(quick, peers, Path(scratch))
        document = {**facts(), "quick": quick, "peers": peers.commits()}
        document["deterministic"] = bench.params().deterministic
        limits = measure_limits()
        steps = []
        for one in on_device.measure(bench, limits):
            typer.echo(on_device.sentence(one))
            steps.append(asdict(one))
    write_json(json, {**document, "limits": asdict(limits), "steps": steps})


def chosen_rows(only: list[str] | None, quick: bool, scaling: bool) -> list[str]:
    """The rows to measure; raises WordbrushError for a name that is no row."""
    if unknown := sorted(set(only or ()) - set(ROWS)):
        raise WordbrushError(f"--only {unknown[0]!r} is unknown; there are {', '.join(ROWS)}.")
    if only or scaling:
        return only or []
    return [name for name in ROWS if not (quick and name in SLOW)]


def measure(bench: Bench, row: str) -> Iterator[Line]:
    """The lines of a row."""
    bench.row = row
    yield from announced(ROWS[row](bench))


def announced(measured: Iterator[T]) -> Iterator[T]:
    """Print the name of each as soon as it is done, since all of them take a while."""
    for one in measured:
        typer.echo(one.work, err=True)
        yield one


def compute_as_stages_do(threads: int) -> None:
    """Set threads, allocator and determinism as `wordbrush STAGE` does."""
    import torch

    from wordbrush.training.compute import keep_freed_memory, set_seed

    torch.set_num_threads(threads)
    keep_freed_memory()
    set_seed(SEED)


if __name__ == "__main__":
    run_command(app, "benchmarks")
