"""`python -m experiments PRESET`: all methods over several trials, and ablations.

Results go to results/PRESET, with tables and a figure. Stop it when you like: called again, it
continues where it stopped. One GAN and one set of captions serve all trials; the GAN and the
segmenter are kept in results/PRESET/drawing, and --drawing takes them from there.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.figures import draw_methods
from experiments.runs import ROOT, Run, Variant
from experiments.tables import read_trials, write_tables
from wordbrush.errors import WordbrushError, run_command
from wordbrush.process import usable_cores
from wordbrush.storage.files import write_json
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import read_yaml
from wordbrush.versioning.git import git

VARIANTS = ROOT / "experiments/variants.yaml"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    preset: Annotated[str, typer.Argument(help="demo, or a file of presets/, such as small.")],
    trials: Annotated[
        int, typer.Option(min=2, help="Trainings of the grounding, each from another seed.")
    ] = 3,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at once; they share the cores.")] = 1,
    ablations: Annotated[int, typer.Option(min=0, help="Trainings of each ablation; 0: none.")] = 1,
    drawing: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Take GAN and segmenter from here.")
    ] = None,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Leave results that are there, of the same code, parameters and GAN."
        ),
    ] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="An ablation; may be repeated.")
    ] = None,
) -> None:
    variants = read_variants(only)
    commit, dirty = (
        git(ROOT, "rev-parse", "HEAD"),
        git(ROOT, "status", "--porcelain", "--", ".", ":!results", ":!docs"),
    )
    if dirty:
        raise WordbrushError(
            f"results are of a commit, but these files are changed:\n{dirty}\nCommit them first."
        )
    whole = [Run(preset, "methods", trial) for trial in range(trials)]
    parts = [
        Run(preset, name, trial, variant)
        for trial in range(ablations)
        for name, variant in variants.items()
    ]
    folder = ROOT / "results" / preset
    print(
        f"{preset}, what all share: "
        f"{whole[0].share(commit, usable_cores(), drawing) / 60:.1f} minutes",
        flush=True,
    )
    whole[0].keep_drawing(folder / "drawing")
    perform(whole, commit, jobs, keep)
    for part in unlike(parts, lambda part: part.variant.params.get("samples")):
        print(
            f"{part}, its samples: {part.share(commit, usable_cores()) / 60:.1f} minutes",
            flush=True,
        )
    perform(unlike_first(parts), commit, jobs, keep)
    write_json(
        folder / "about.json",
        {
            "commit": commit,
            "trials": trials,
            "jobs": jobs,
            "cores": usable_cores(),
            "drawing": "given" if drawing else "trained",
        },
    )
    write_tables(folder, read_variants(None))
    draw_methods(folder / "methods.svg", read_trials(folder))
    print((folder / "tables.md").read_text())


def read_variants(only: Sequence[str] | None) -> dict[str, Variant]:
    variants = validated(dict[str, Variant], read_yaml(VARIANTS), str(VARIANTS))
    unknown = sorted(set(only or ()) - set(variants))
    if unknown:
        raise WordbrushError(
            f"--only {unknown[0]!r} is unknown; {VARIANTS.relative_to(ROOT)} has "
            f"{', '.join(variants)}."
        )
    return {name: variant for name, variant in variants.items() if not only or name in only}


def unlike_first(parts: Sequence[Run]) -> list[Run]:
    """The runs in an order in which two jobs do not both train the same.

    Runs that share a pretraining with another come after all that do not.
    """
    first = unlike(
        parts,
        lambda part: (
            part.trial,
            part.variant.mining,
            *map(part.variant.params.get, ("samples", "davenet")),
        ),
    )
    return [*first, *(part for part in parts if part not in first)]


def unlike(parts: Sequence[Run], kind: Callable[[Run], Any]) -> list[Run]:
    """The first of each kind."""
    kinds = [kind(part) for part in parts]
    return [part for at, part in enumerate(parts) if kinds[at] not in kinds[:at]]


def perform(runs: Sequence[Run], commit: str, jobs: int, keep: bool) -> None:
    """Run all, `jobs` at once; a failure stops what has not begun."""
    threads = max(1, usable_cores() // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        begun = {pool.submit(run.perform, commit, threads, keep): run for run in runs}
        try:
            for done in as_completed(begun):
                print(f"{begun[done]}: {done.result() / 60:.1f} minutes", flush=True)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


if __name__ == "__main__":
    run_command(app, "experiments")
