"""`python -m experiments PRESET`: all methods over several trials, and ablations.

Results go to results/PRESET, with tables and a figure. If you stop it and start it again, it
resumes where it stopped. All trials share one GAN and one set of captions. The GAN and the
segmenter are kept in results/PRESET/drawing; --drawing uses them instead of training new ones.
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
from wordbrush.storage.paths import given_path
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import read_yaml
from wordbrush.versioning.git import git

VARIANTS = ROOT / "experiments/variants.yaml"
PresetArgument = Annotated[str, typer.Argument(help="demo, or a file of presets/, such as small.")]
TrialsOption = Annotated[
    int,
    typer.Option(min=0, help="Trainings of DAVEnet, each from another seed; 0: ablations alone."),
]
JobsOption = Annotated[int, typer.Option(min=1, help="Runs at once; they share the cores.")]
AblationsOption = Annotated[int, typer.Option(min=0, help="Trainings of each ablation; 0: none.")]
DrawingOption = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Take GAN and segmenter from here.", parser=given_path),
]
KeepOption = Annotated[
    bool,
    typer.Option(
        "--keep", help="Leave results that exist, if they have the same code, parameters and GAN."
    ),
]
OnlyOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="An ablation; may be repeated.")
]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    preset: PresetArgument,
    trials: TrialsOption = 3,
    jobs: JobsOption = 1,
    ablations: AblationsOption = 1,
    drawing: DrawingOption = None,
    keep: KeepOption = False,
    only: OnlyOption = None,
) -> None:
    variants = read_variants(only)
    if trials == 1:
        raise WordbrushError("--trials 1 has no spread: two or more, or 0 for ablations alone.")
    commit, base = committed(), Run(preset, "methods", 0)
    whole = [Run(preset, "methods", trial) for trial in range(trials)]
    parts = [
        Run(preset, name, trial, variant)
        for trial in range(ablations)
        for name, variant in variants.items()
    ]
    folder = ROOT / "results" / preset
    shared = base.share(commit, usable_cores(), drawing)
    report(f"{preset}, stages that all runs share", shared)
    base.keep_drawing(folder / "drawing")
    perform(whole, commit, jobs, keep)
    for part in first_of_each(parts, lambda part: part.variant.params.get("samples")):
        report(f"{part}, its samples", part.share(commit, usable_cores()))
    perform(without_duplicates_first(parts), commit, jobs, keep)
    if trials:
        about = {
            "commit": commit,
            "trials": trials,
            "jobs": jobs,
            "cores": usable_cores(),
            "drawing": "given" if drawing else "trained",
        }
        write_json(folder / "about.json", about)
    write_tables(folder, read_variants(None))
    draw_methods(folder / "methods.svg", read_trials(folder))
    print((folder / "tables.md").read_text(encoding="utf-8"))


def committed() -> str:
    """The current commit; raises WordbrushError where there is none, or files differ from it."""
    try:
        changed = git(ROOT, "status", "--porcelain", "--", ".", ":!results", ":!docs")
        commit = git(ROOT, "rev-parse", "--verify", "HEAD")
    except WordbrushError as error:
        raise WordbrushError(
            f"results belong to a commit, and git names none ({error}): clone the repository, or "
            "begin one (git init, git add ., git commit)."
        ) from None
    if changed:
        raise WordbrushError(
            f"results belong to a commit, but these files are changed:\n{changed}\n"
            "Commit them first."
        )
    return commit


def report(what: str, seconds: float) -> None:
    print(f"{what}: {seconds / 60:.1f} minutes", flush=True)


def read_variants(only: Sequence[str] | None) -> dict[str, Variant]:
    """The ablations of variants.yaml, or those of `only`; raises WordbrushError for others."""
    variants = validated(dict[str, Variant], read_yaml(VARIANTS), str(VARIANTS))
    unknown = sorted(set(only or ()) - set(variants))
    if unknown:
        raise WordbrushError(
            f"--only {unknown[0]!r} is unknown; {VARIANTS.relative_to(ROOT)} has "
            f"{', '.join(variants)}."
        )
    return {name: variant for name, variant in variants.items() if not only or name in only}


def without_duplicates_first(parts: Sequence[Run]) -> list[Run]:
    """The runs in an order that keeps two jobs from training the same encoders at once.

    Of the runs that share a pretraining, all but one come last.
    """
    first = first_of_each(
        parts,
        lambda part: (
            part.trial,
            part.variant.mining,
            *map(part.variant.params.get, ("samples", "davenet")),
        ),
    )
    return [*first, *(part for part in parts if part not in first)]


def first_of_each(parts: Sequence[Run], kind: Callable[[Run], Any]) -> list[Run]:
    """The first run of each kind."""
    kinds = [kind(part) for part in parts]
    return [part for at, part in enumerate(parts) if kinds[at] not in kinds[:at]]


def perform(runs: Sequence[Run], commit: str, jobs: int, keep: bool) -> None:
    """Run all, `jobs` at once. After a failure, no further run starts."""
    threads = max(1, usable_cores() // jobs)
    with ThreadPoolExecutor(jobs) as pool:
        started = {pool.submit(run.perform, commit, threads, keep): run for run in runs}
        try:
            for done in as_completed(started):
                report(str(started[done]), done.result())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


if __name__ == "__main__":
    run_command(app, "experiments")
