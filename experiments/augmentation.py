"""`python -m experiments.augmentation`: what each augmentation of speech gives, alone.

Trains encoders with hard negatives, before any edits, on the pairs of this folder, which `dvc
repro synthesize-captions` makes: without augmentation, with each that `params.yaml` turns
on alone, and with all of them. All else is equal, the random numbers of a trial too. Prints the
semantic mean by group of voices: means over trials with 95 % intervals over them. Choose by the
validation engine. On an eighth of the steps:

    python -m experiments.augmentation --share 0.125 --trials 3
"""

from functools import partial
from pathlib import Path

import typer

from experiments.kept import Kept, OutputOption
from experiments.tables import cell, table
from experiments.trainings import ShareOption, TrialsOption, shortened, trained
from wordbrush import params as parameters
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation.engines import EngineTests, summaries
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.protocol import subject_of
from wordbrush.params import GROUPS, Augmentation
from wordbrush.storage.layout import PARAMS, Layout

NONE, ALL = "none", "all"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    share: ShareOption = 1.0,
    output: OutputOption = None,
) -> None:
    params, layout = shortened(parameters.load(Path(PARAMS)), share), Layout(Path("."))
    augmentations = varied(params.davenet.augmentation)
    tests = EngineTests(read_material(params, layout))
    if not tests.speech:
        raise WordbrushError(
            "data/test_speech has no groups of voices: `dvc repro synthesize-captions` speaks "
            "those of params.yaml."
        )
    kept = Kept.of("augmentation", output, params, layout)
    results: dict[str, list[dict[str, float]]] = {}
    for trial in range(trials):
        for name, augmentation in augmentations.items():
            measure = partial(measured, tests, augmentation, trial)
            results.setdefault(name, []).append(kept.get(f"{name}, trial {trial}", measure))
    print(written(results))


def varied(all_of_them: Augmentation) -> dict[str, Augmentation]:
    """What to train with, by name. Raises WordbrushError where nothing is turned on."""
    off = all_of_them.model_copy(update=dict.fromkeys(all_of_them.used, 0))
    if not all_of_them.used:
        raise WordbrushError(f"{PARAMS}: nothing of davenet.augmentation is turned on.")
    alone = {
        name: off.model_copy(update={name: getattr(all_of_them, name)}) for name in all_of_them.used
    }
    return {NONE: off, **alone, ALL: all_of_them}


def measured(tests: EngineTests, augmentation: Augmentation, trial: int) -> dict[str, float]:
    """Train so, and measure the semantic mean of each group of voices."""
    params, pairs = tests.material.params, tests.material.pairs
    davenet = params.davenet.model_copy(update={"augmentation": augmentation})
    encoders = trained(params.model_copy(update={"davenet": davenet}), pairs, trial)
    found = summaries(tests.measure(subject_of(tests.material, encoders)), params)
    return {name: one["semantic"]["value"] for name, one in found.items() if "semantic" in one}


def written(results: dict[str, list[dict[str, float]]]) -> str:
    """A row for each training: of each group its mean, and the gain over none by the validation
    engine, or by the tests' where there is none."""
    groups = [group for group in GROUPS if group in results[NONE][0]]
    judge = "validation" if "validation" in groups else "test"
    without = [one[judge] for one in results[NONE]]
    rows = []
    for name, trials in results.items():
        values = {group: [one[group] for one in trials] for group in groups}
        gains = [one - other for one, other in zip(values[judge], without, strict=True)]
        rows.append([name, *(cell(values[group]) for group in groups), cell(gains, sign="+")])
    return table(["semantic mean, %", *groups, f"gain, {judge}"], rows)


if __name__ == "__main__":
    run_command(app, "experiments.augmentation")
