"""`python -m experiments.captions`: how many captions of edits do as much as those of drawings.

Trains on the drawings of this folder that have twins, which are described edits; `twins.kind:
edited` in params.yaml and `dvc repro speak-edits` make them. All trainings hear the captions of
these drawings. One hears no more; one has the twins, each the other's impostor both ways; and the
rest hear captions of other drawings, from half as many as there are twins to eight times. Steps,
rows of a batch and first weights of a trial are equal, and each trial draws the other drawings
anew. Prints recall@10 among the test drawings, means over trials with 95 % intervals over them, and
how many captions reach the recall of the twins with other drawings in their place. In a twentieth
of the steps:

    python -m experiments.captions --share 0.05 --trials 3
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import typer

from experiments.impacts import recall_10, require_pairs
from experiments.kept import Kept, OutputOption
from experiments.tables import NOTHING, cell, table
from experiments.trainings import ShareOption, TrialsOption, hearing, shortened, trained
from wordbrush import params as parameters
from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.splits import TRAIN
from wordbrush.data.twins import read_twins
from wordbrush.errors import WordbrushError, run_command
from wordbrush.params import Params
from wordbrush.storage.layout import PARAMS, Layout

TIMES = (0.5, 1.0, 2.0, 4.0, 8.0)  # as many captions of other drawings as there are twins
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Drawings:
    """The pairs of a folder, with the twins of some, and the numbers of the captions for training:
    `twinned` of drawings that have twins, `others` of the rest."""

    pairs: Pairs
    twinned: np.ndarray
    others: np.ndarray

    @property
    def twins(self) -> int:
        return 0 if self.pairs.twins is None else len(self.pairs.twins)

    def described(self) -> Pairs:
        """The drawings that have twins, with these."""
        return replace(self.pairs, manifest=hearing(self.pairs.manifest, self.twinned))

    def beside(self, count: int, seed: int) -> Pairs:
        """The same drawings without their twins, and with so many others; few are among more."""
        drawn = np.random.default_rng(seed).permutation(self.others)[:count]
        heard = hearing(self.pairs.manifest, np.concatenate([self.twinned, drawn]))
        return replace(self.pairs, manifest=heard, twins=None)

    def counts(self) -> list[int]:
        """How many others each training hears, ascending from none; no more than there are."""
        asked = [round(times * self.twins) for times in TIMES]
        return [0, *(count for count in asked if count <= len(self.others))]


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    share: ShareOption = 1.0,
    output: OutputOption = None,
) -> None:
    params, layout = shortened(parameters.load(Path(PARAMS)), share), Layout(Path("."))
    drawings = read_drawings(params, layout)
    kept = Kept.of("captions", output, params, layout)
    edited: list[float] = []
    plain: dict[int, list[float]] = {count: [] for count in drawings.counts()}
    for trial in range(trials):
        measure = partial(measured, params, drawings.described(), trial)
        edited.append(kept.get(f"twins, trial {trial}", measure))
        for count, found in plain.items():
            beside = drawings.beside(count, params.seed + trial)
            measure = partial(measured, params, beside, trial)
            found.append(kept.get(f"{count} others, trial {trial}", measure))
    print(written(drawings, edited, plain))


def read_drawings(params: Params, layout: Layout) -> Drawings:
    """Raises WordbrushError where this folder has no described edits."""
    require_pairs(params, layout)
    if params.twins.kind != "edited":
        raise WordbrushError(
            f"twins.kind in {PARAMS} is {params.twins.kind}, and described edits are compared: set "
            "it to edited, then `dvc repro speak-edits`."
        )
    pairs = read_pairs(layout)
    captions = pairs.manifest.captions(TRAIN)
    twins = read_twins(layout.twins, pairs.images, pairs.manifest.pictures(captions))
    has_twins = np.isin(pairs.manifest.images[captions], twins.drawings)
    return Drawings(replace(pairs, twins=twins), captions[has_twins], captions[~has_twins])


def measured(params: Params, pairs: Pairs, trial: int) -> float:
    """Train on these pairs: recall@10 among the test drawings, in percent."""
    encoders = trained(params, pairs, trial)
    return recall_10(encoders, pairs, pairs.manifest.captions("test"))


def written(drawings: Drawings, edited: Sequence[float], plain: dict[int, list[float]]) -> str:
    """A row for each training; then how many captions do as much as the twins."""
    first, twins = len(drawings.twinned), drawings.twins
    rows = [
        [f"and {count} of other drawings" if count else "alone", str(first + count), cell(found)]
        for count, found in plain.items()
    ]
    rows.append([f"and {twins} of their edits, twins", str(first + twins), cell(edited)])
    lines = table((f"{first} captions of drawings", "captions", "recall@10"), rows)
    curves = [[found[trial] for found in plain.values()] for trial in range(len(edited))]
    totals = [first + count for count in plain]
    needed = [reached(totals, *one) for one in zip(curves, edited, strict=True)]
    shares = [None if one is None else (first + twins) / one for one in needed]
    return (
        f"{lines}\n\nCaptions with which other drawings reach the recall of the twins: "
        f"{cell(needed)}. Captions needed with twins, as a share of these: {told(shares)}."
    )


def reached(totals: Sequence[int], curve: Sequence[float], recall: float) -> float | None:
    """With how many captions a curve first reaches this recall, between its points by the logarithm
    of their number; None where it lies below all or above all of the curve."""
    rising = np.maximum.accumulate(curve)
    if not rising[0] <= recall <= rising[-1]:
        return None
    steps = np.unique(rising, return_index=True)[1]  # where the curve first has each of its values
    return float(np.exp(np.interp(recall, rising[steps], np.log(np.array(totals)[steps]))))


def told(shares: Sequence[float | None]) -> str:
    """The share of each trial, since few trials say little of their mean."""
    return ", ".join(NOTHING if one is None else f"{one:.2f}" for one in shares)


if __name__ == "__main__":
    run_command(app, "experiments.captions")
