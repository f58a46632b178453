"""`python -m experiments.heads`: whether each of two heads takes one kind of sound.

Trains on the drawings of this folder, which `dvc repro synthesize-captions` makes, with what is
said of each and the sound of its objects, each struck once, mixed: a batch has both. With one head;
with two that compete for every frame (DenseAV's question), untrained and trained; and with two that
are punished where they answer together, too (DenseAV's disentanglement, of weight --apart, on the
answers over the temperature). All else is equal, the number of channels too. Prints recall@10 of
both kinds, and how much of the frames of each kind the heads take: means over trials with 95 %
intervals over them. In a twentieth of the steps:

    python -m experiments.heads --share 0.05 --trials 3
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, NamedTuple

import typer
from typing_extensions import TypedDict

from experiments.impacts import recall_10, require_pairs
from experiments.kept import Kept, OutputOption
from experiments.tables import NOTHING, cell, table
from experiments.trainings import OnlyOption, ShareOption, TrialsOption, asked_for, shortened
from wordbrush import params as parameters
from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.training import Settings, train
from wordbrush.errors import WordbrushError, run_command
from wordbrush.params import Params
from wordbrush.senses.heads import HeadedEncoders
from wordbrush.senses.kinds import Kinds, by_kind, kinds
from wordbrush.senses.natural import mixed, struck_pairs
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.training.compute import set_seed
from wordbrush.training.conditions import as_chosen

HEADS = 2
DENSEAV = 0.05  # the weight of its penalty
HEADER = (
    *("heads", "R@10, captions", "R@10, impacts"),
    *("frames of captions that the head for captions takes", "of impacts", "apart", "kind told"),
)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class Kind(NamedTuple):
    """How many heads there are, the weight of the penalty, and whether they are trained."""

    heads: int = HEADS
    apart: float = 0.0
    learns: bool = True


class Measured(TypedDict):
    """recall: recall@10 in percent of captions, and of impacts. kinds: None of one head."""

    recall: list[float]
    kinds: Kinds | None


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    share: ShareOption = 1.0,
    apart: Annotated[float, typer.Option(min=0, help="Weight of the penalty; 0: no such row.")] = (
        DENSEAV
    ),
    only: OnlyOption = None,
    output: OutputOption = None,
) -> None:
    chosen = asked_for(kinds_of_heads(apart), only)
    params, layout = shortened(parameters.load(Path(PARAMS)), share), Layout(Path("."))
    require_pairs(params, layout)
    require_heads(params)
    kept = Kept.of("heads", output, params, layout)
    results: dict[str, list[Measured]] = {}
    with TemporaryDirectory() as folder:
        captions = read_pairs(layout)
        struck = struck_pairs(params, layout, captions, Path(folder) / "impacts")
        pairs = mixed(captions, struck, Path(folder) / "mixed")
        for name, kind in chosen.items():
            results[name] = [
                kept.get(f"{name}, trial {trial}", partial(measured, params, pairs, kind, trial))
                for trial in range(trials)
            ]
    print(table(HEADER, [table_row(name, found) for name, found in results.items()]))


def kinds_of_heads(apart: float) -> dict[str, Kind]:
    """By name, those with a penalty of this weight among them, if it is not 0."""
    kinds = {
        f"{HEADS} heads, untrained": Kind(learns=False),
        "1 head": Kind(heads=1),
        f"{HEADS} heads": Kind(),
    }
    return kinds | ({f"{HEADS} heads, apart {apart:g}": Kind(apart=apart)} if apart else {})


def require_heads(params: Params) -> None:
    """Raises WordbrushError where heads could not compete."""
    davenet = params.davenet
    if davenet.similarity != "MISA" or davenet.context is not None:
        raise WordbrushError(
            f"heads compete for frames where davenet.similarity in {PARAMS} is MISA and "
            f"davenet.context null; they are {davenet.similarity} and "
            f"{'null' if davenet.context is None else 'given'}."
        )
    if davenet.embedding % HEADS:
        raise WordbrushError(
            f"davenet.embedding in {PARAMS} is {davenet.embedding}, which cannot be divided among "
            f"{HEADS} heads: choose a multiple."
        )


def measured(params: Params, pairs: Pairs, kind: Kind, trial: int) -> Measured:
    """Train such heads on captions and impacts, if they are; measure on the test."""
    seed = params.grounding_seed + trial
    set_seed(seed)
    config = EncoderConfig.of(params.davenet, pairs.speech.config)
    weight = kind.apart / params.davenet.temperature**kind.heads
    encoders = HeadedEncoders(config, kind.heads, weight)
    # captions are longer than impacts: batches by length would have one kind each
    davenet = params.davenet.model_copy(update={"length_pool": 1})
    stage = params.schedule.pretrain
    if kind.learns:
        with as_chosen(params):
            train(encoders, pairs, Settings(davenet, stage, "hard", seed, params.edits.against))
    found = None
    if kind.heads > 1:
        found = kinds(encoders, pairs, params.evaluation.bootstrap, params.seed)
    recalls = [recall_10(encoders, pairs, numbers) for numbers in by_kind(pairs, "test")]
    return {"recall": recalls, "kinds": found}


def table_row(name: str, trials: Sequence[Measured]) -> list[str]:
    """The row of heads of this kind below HEADER."""
    recalls = [cell([one["recall"][kind] for one in trials]) for kind in (0, 1)]
    taken = [one["kinds"] for one in trials if one["kinds"] is not None]
    names = ("captions", "impacts", "apart", "told")
    shares = [cell([one[name]["value"] for one in taken]) if taken else NOTHING for name in names]
    return [name, *recalls, *shares]


if __name__ == "__main__":
    run_command(app, "experiments.heads")
