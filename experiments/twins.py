"""`python -m experiments.twins`: what an edited drawing gives when it is described, too.

Trains on the pairs of this folder, which `make demo` or `dvc repro synthesize-captions` makes, with
hard negatives, before any edits: without twins; with twins, which are edits of drawings, each the
other's impostor both ways; and, as a control, with as many captions of other drawings in their
place. All else is equal: steps, rows of a batch, whole and cropped captions of the rows of pairs.
Prints recall and the tests of composition, means over trials with 95 % intervals over them, and
what a thousand more spoken captions gave. By the times of pretraining, three trials should take an
hour for the demo on two cores, and twelve hours for the preset small on one:

    python -m experiments.twins --trials 3

With --words, an exported model's branches stand, and its heads of context alone are trained, in
`schedule.pretrain.context_steps` (docs/relations.md). That takes minutes.

    python -m experiments.twins --words models/small

--save keeps the encoders of the last trial with edits, for the folder `encoders` of a model.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer

from experiments.context import MINING, read_words, train_heads
from experiments.kept import PARTS, Kept, OutputOption
from experiments.tables import NOTHING, cell, table
from experiments.trainings import TrialsOption, require_data
from wordbrush import params as parameters
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation import composition
from wordbrush.evaluation.composed import in_short, titled
from wordbrush.evaluation.material import read_material
from wordbrush.evaluation.results import RECALL_LEVELS
from wordbrush.params import Params
from wordbrush.stages import pretrain_davenet, speak_edits
from wordbrush.storage.files import read_json, require_new, whole_directory
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.paths import given_path
from wordbrush.storage.validation import Finite
from wordbrush.storage.yaml import merge
from wordbrush.training.compute import device
from wordbrush.versioning.fingerprint import digest

KINDS = ("none", "plain", "edited")
TITLES = {"none": "no twins", "plain": "other drawings (control)", "edited": "edits, twins"}
Measures = dict[str, float]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    words: Annotated[
        Path | None, typer.Option(help="A model; its heads are trained.", parser=given_path)
    ] = None,
    output: OutputOption = None,
    save: Annotated[
        Path | None,
        typer.Option(help="A new folder for encoders trained with edits.", parser=given_path),
    ] = None,
) -> None:
    params, here = parameters.load(Path(PARAMS)), Layout(Path(".").resolve())
    require_data(here, PARTS)
    if save is not None:
        require_new(save)
    if words is not None:
        read_words(words, params)
    for kind in KINDS:
        changed(params, kind, trials - 1)  # each is asked before hours of the first are spent
    kept = Kept.of("twins", output, params, here)
    with TemporaryDirectory() as folder:
        compared = [Compared(params, kind, beside(here, Path(folder) / kind)) for kind in KINDS]
        captions = {one.kind: kept.get(f"{one.kind}, captions", one.speak) for one in compared}
        results = {
            one.kind: {
                "captions": captions[one.kind],
                "trials": measures(kept, one, words, trials),
            }
            for one in compared
        }
        print(written(results))
        if save is not None:
            save_encoders(compared[-1].layout, save)


def save_encoders(layout: Layout, target: Path) -> None:
    """Copy those that were trained here last. Raises WordbrushError where none were."""
    trained = layout.encoders("pretrain", MINING)
    if not trained.is_dir():
        raise WordbrushError(
            f"{target} was not written: --output has the last trial with edits already, and it was "
            "not trained again. Name another file."
        )
    with whole_directory(target) as folder:
        shutil.copytree(trained, folder, dirs_exist_ok=True)


def beside(layout: Layout, root: Path) -> Layout:
    """A folder that reads what `layout` has, and writes twins and encoders of its own."""
    (root / "data").mkdir(parents=True)
    for name in PARTS:
        (root / "data" / name).symlink_to(layout.root / "data" / name)
    return Layout(root)


def changed(params: Params, kind: str, trial: int) -> Params:
    """The same parameters with this kind of twins. Raises WordbrushError where they refuse it."""
    changes = {"trial": params.trial + trial, "twins": {"kind": kind}}
    return parameters.parse(merge(params.model_dump(), changes), f"{PARAMS} with twins")


@dataclass
class Compared:
    """A kind of twins, and the folder of its trainings. They are spoken once."""

    params: Params
    kind: str
    layout: Layout

    def speak(self) -> int:
        """Have the twins spoken, if they were not: how many captions there are."""
        told = self.layout.metrics("twins")
        if not told.is_file():
            speak_edits.run(changed(self.params, self.kind, 0), self.layout)
        return int(read_json(told, dict[str, Finite])["captions"])

    def measure(self, words: Path | None, trial: int) -> Measures:
        self.speak()  # where --output had their number already
        return measured(changed(self.params, self.kind, trial), self.layout, words)


def measures(kept: Kept, compared: Compared, words: Path | None, trials: int) -> list[Measures]:
    """Of each trial; what is kept is not trained again."""
    upon = "" if words is None else f" upon {digest(words / 'encoders/encoders.safetensors')}"
    return [
        kept.get(f"{compared.kind}{upon}, trial {trial}", partial(compared.measure, words, trial))
        for trial in range(trials)
    ]


def measured(params: Params, layout: Layout, words: Path | None) -> Measures:
    """Train, heads alone upon a model's branches if one is given, and measure on the test pairs:
    recall, and the tests of composition by title."""
    if words is None:
        pretrain_davenet.run(params, layout, MINING)
    else:
        train_heads(params, layout, words)
    encoders = load_encoders(layout.encoders("pretrain", MINING), device())
    material = read_material(params, layout)
    scores = all_similarities(
        *encode_pairs(encoders, material.pairs, material.samples), params.davenet.similarity
    )
    ranks = both_ways(scores)
    found = {f"R@{k}": recall(ranks, int(k)) for k in RECALL_LEVELS}
    if material.cases is not None:
        short = in_short(composition.measure(material.cases, encoders, params))
        found |= {title: one["value"] for title, one in titled(short).items()}
    return found


def written(results: dict[str, dict[str, Any]]) -> str:
    """A row for each measure: of each kind its mean, and what a thousand captions more than without
    twins gave."""
    measures = list(results["none"]["trials"][0])
    header = ["", *(TITLES[kind] for kind in KINDS)]
    header += [f"gain a thousand captions: {TITLES[kind]}" for kind in KINDS[1:]]
    counts = ["captions spoken for them", *(str(results[kind]["captions"]) for kind in KINDS)]
    rows = [[*counts, NOTHING, NOTHING]]
    for name in measures:
        values = {kind: [one[name] for one in results[kind]["trials"]] for kind in KINDS}
        gains = [
            cell(gained(values[kind], values["none"], results[kind]["captions"]), sign="+")
            for kind in KINDS[1:]
        ]
        rows.append([name, *(cell(values[kind]) for kind in KINDS), *gains])
    return table(header, rows)


def gained(values: Sequence[float], without: Sequence[float], captions: int) -> list[float]:
    """By how much each trial exceeds that without twins, for every thousand captions spoken."""
    return [float(gain) for gain in 1000 * np.subtract(values, without) / captions]


if __name__ == "__main__":
    run_command(app, "experiments.twins")
