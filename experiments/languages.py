"""`python -m experiments.languages`: what two languages say to each other through pictures.

Trains encoders on the pairs of this folder, whose `params.yaml` names languages with a network each
(the preset languages), several times: where all drawings for training are described in every
language (shared), and where each drawing is in one (apart). All else is equal, the random numbers
of a trial too; with `--direct WEIGHT`, shared drawings are trained once more with the loss between
languages. Prints a table of recall on the test captions, from pictures and from one language to
another, and of the precision of the lexicon, both directions together: means over trials with 95 %
intervals over them. In a fifth of the steps:

    python -m experiments.languages --share 0.2
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from experiments.kept import Kept, OutputOption
from experiments.tables import cell, table
from experiments.trainings import ShareOption, TrialsOption, hearing, shortened, trained
from wordbrush import params as parameters
from wordbrush.data.manifest import Manifest
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation.languages import LanguageTests
from wordbrush.evaluation.material import Material, read_material
from wordbrush.evaluation.results import LanguageScores
from wordbrush.params import Params
from wordbrush.storage.layout import PARAMS, Layout

HEADER = (
    *("drawings", "loss between languages", "R@10, pictures"),
    *("R@1, captions", "R@10, captions", "chance", "lexicon", "chance"),
)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    share: ShareOption = 1.0,
    direct: Annotated[
        float, typer.Option(min=0, help="Weight of the loss between languages; 0: not trained.")
    ] = 0.0,
    output: OutputOption = None,
) -> None:
    params = shortened(parameters.load(Path(PARAMS)), share)
    require_languages(params)
    layout = Layout(Path("."))
    kept = Kept.of("languages", output, params, layout)
    material = read_material(params, layout)
    kinds = [("shared", 0.0), ("apart", 0.0), *([("shared", direct)] if direct else [])]
    rows = []
    for drawings, weight in kinds:
        found = [
            kept.get(
                f"{drawings}, {weight:g}, trial {trial}",
                partial(measured, material, drawings, weight, trial),
            )
            for trial in range(trials)
        ]
        rows.append(table_row(drawings, weight, found))
    print(table(HEADER, rows))


def require_languages(params: Params) -> None:
    """Raises WordbrushError where params.yaml names one language, or drawings are not shared."""
    if len(params.davenet.languages) < 2 or not params.captions.shared:
        raise WordbrushError(
            "two languages of davenet.languages and captions.shared: true are needed, from which "
            "drawings that are not shared are taken: `wordbrush preset languages`."
        )


def apart(manifest: Manifest, languages: Sequence[str]) -> Manifest:
    """The same, with each picture for training heard in one language, in turn by its number."""
    own = manifest.images % len(languages) == manifest.numbers(np.arange(len(manifest)), languages)
    return hearing(manifest, np.flatnonzero(own))


def measured(material: Material, drawings: str, weight: float, trial: int) -> LanguageScores:
    """Train with such pairs and this weight, and measure on the test captions."""
    params, pairs = material.params, material.pairs
    davenet = params.davenet.model_copy(update={"language_weight": weight})
    if drawings == "apart":
        pairs = replace(pairs, manifest=apart(pairs.manifest, davenet.languages))
    encoders = trained(params.model_copy(update={"davenet": davenet}), pairs, trial)
    scores, _ = LanguageTests(material).scores(encoders)
    return scores


def table_row(drawings: str, weight: float, trials: Sequence[LanguageScores]) -> list[str]:
    """The row of a kind of training below HEADER."""
    between = [list(scores["translations"].values()) for scores in trials]
    seen = [[one["value"] for one in scores["speech"].values()] for scores in trials]
    captions = [[one["captions"] for one in each] for each in between]
    words = [[one["words"] for one in each if "words" in one] for each in between]
    by_luck = [one["chance"] for each in words for one in each]
    return [
        drawings,
        f"{weight:g}",
        over_trials(seen),
        *(
            over_trials([[one["recall"][first]["value"] for one in each] for each in captions])
            for first in ("1", "10")
        ),
        cell([np.mean([one["chance"]["10"] for each in captions for one in each])]),
        over_trials([[one["value"] for one in each] for each in words]),
        cell([np.mean(by_luck) if by_luck else None]),
    ]


def over_trials(values: Sequence[Sequence[float]]) -> str:
    """Of each trial the mean over directions; – where there are none."""
    return cell([float(np.mean(each)) if each else None for each in values])


if __name__ == "__main__":
    run_command(app, "experiments.languages")
