"""`python -m experiments.senses`: what three senses that share their upper layers learn, by loss.

Trains on the pairs of this folder, whose `params.yaml` may be that of the presets senses or sounds,
and which `dvc repro synthesize-captions` makes: with a teacher's answers (transfer), with a ranking
of pairs, and with both; all else is equal. Prints two tables: the median rank of each direction,
with sound and text bridged by pictures and never trained; and how often classifiers are right that
were learned in one sense and are asked in another (chance is 50). Beside them stand linear
regression, CCA, and what Aytar et al. (2017) report. Means over trials with 95 % intervals over
them; those of baselines, which have one trial, are over test cases. On a sixth of the steps:

    python -m experiments.senses --share 0.16 --trials 3
"""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from experiments.kept import Kept, OutputOption
from experiments.tables import NOTHING, cell, table
from experiments.trainings import ShareOption, TrialsOption, require_data, shortened
from wordbrush import params as parameters
from wordbrush.errors import run_command
from wordbrush.evaluation.results import Estimate
from wordbrush.params import Params
from wordbrush.senses.measures import ASKED, Measures
from wordbrush.senses.published import CELLS, CHANCE, OF, RANKS, WAYS, ZERO_SHOT
from wordbrush.senses.reading import read_cases
from wordbrush.senses.results import Aligned
from wordbrush.senses.training import train
from wordbrush.stages.train_senses import columns_of, config_of
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.yaml import merge
from wordbrush.training.compute import set_seed
from wordbrush.training.conditions import as_chosen

LOSSES = ("transfer", "ranking", "both")
READ = ("samples", "features", "speech", "annotations", "segmenter")
Trials = dict[str, list[Aligned]]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    share: ShareOption = 1.0,
    output: OutputOption = None,
) -> None:
    params, layout = shortened(parameters.load(Path(PARAMS)), share), Layout(Path("."))
    changed = {
        (loss, trial): with_loss(params, loss, trial) for loss in LOSSES for trial in range(trials)
    }
    require_data(layout, READ)
    kept = Kept.of("senses", output, params, layout)
    with TemporaryDirectory() as folder:
        cases, words, attributes = read_cases(params, layout, Path(folder) / "impacts")
        resamples = params.evaluation.bootstrap
        measures = Measures(cases, columns_of(attributes), resamples, params.seed)
        baselines = kept.get("baselines", measures.baselines)
        found: Trials = {name: [one] for name, one in baselines.items()}

        def trained(loss: str, trial: int) -> Aligned:
            own = changed[loss, trial]
            set_seed(own.grounding_seed)
            config = config_of(own, cases, words, attributes)
            with as_chosen(own):
                network, _ = train(own.senses, config, cases, own.grounding_seed)
            return measures.of(network)

        for loss in LOSSES:
            found[loss] = [
                kept.get(f"{loss}, trial {trial}", partial(trained, loss, trial))
                for trial in range(trials)
            ]
        print(written(found, len(cases.of(ASKED))))
        if params.senses.sound == "impacts":
            print(
                "\nColours, of which no impact tells: a linear classifier that knows the number of "
                f"objects and all their other values reaches {shown(measures.unheard())}."
            )


def with_loss(params: Params, loss: str, trial: int) -> Params:
    """The same parameters with this loss. Raises WordbrushError where they refuse it."""
    changes = {"trial": params.trial + trial, "senses": {"loss": loss}}
    return parameters.parse(merge(params.model_dump(), changes), f"{PARAMS} with {loss}")


def written(found: Trials, cases: int) -> str:
    """Both tables, with titles."""
    ranks = [
        [name, *(over_trials([one["ranks"].get(way) for one in trials]) for way in WAYS)]
        for name, trials in found.items()
    ]
    published = [
        [f"Aytar et al., {name}", *(f"{one[way]:g}" for way in WAYS)] for name, one in RANKS.items()
    ]
    chance = ["chance", *[f"{(cases + 1) / 2:g}"] * len(WAYS)]
    right = [
        [name, *(over_trials([mean_of(one, cell) for one in trials]) for cell in CELLS)]
        for name, trials in found.items()
    ]
    others = [
        [f"Aytar et al., {name}", *(NOTHING if (n := one[c]) is None else f"{n:g}" for c in CELLS)]
        for name, one in ZERO_SHOT.items()
    ]
    parts = (
        f"Median rank of {cases} (Aytar et al.: of {OF}):",
        table(("method", *WAYS), [chance, *ranks, *published]),
        "Classifiers learned in one sense and asked in another, percent right (chance 50; Aytar et "
        f"al. choose one of 42 categories, chance {CHANCE:g}):",
        table(("method", *CELLS), [*right, *others]),
    )
    return "\n\n".join(parts)


def mean_of(aligned: Aligned, name: str) -> Estimate | None:
    """The accuracy of all values in a cell; None where the method does not have it."""
    accuracies = aligned["zero_shot"].get(name)
    return accuracies["mean"] if accuracies else None


def over_trials(trials: list[Estimate | None]) -> str:
    """The mean with its interval over trials; of one trial, with that over test cases."""
    known = [one for one in trials if one is not None]
    if len(known) < len(trials):
        return NOTHING
    return shown(known[0]) if len(known) == 1 else cell([one["value"] for one in known])


def shown(one: Estimate) -> str:
    return f"{one['value']:.1f} [{one['low']:.1f}, {one['high']:.1f}]"


if __name__ == "__main__":
    run_command(app, "experiments.senses")
