"""`python -m experiments.impacts`: whether sounds of struck objects prepare for captions.

Trains on the drawings of this folder, which `dvc repro synthesize-captions` makes, with captions of
1/16, 1/8, … and all drawings for training: from scratch; after a training on the drawings and the
sounds of their objects, each struck once; and, as a control, after the same with the sounds of
other drawings. All else is equal: steps, batches, first weights and random numbers of a trial; each
trial draws its captions, and what the control hears, anew. The training on sounds has the joint
steps of `schedule.pretrain`, that on captions all of its steps. Prints recall@10 among the test
drawings, means over trials with 95 % intervals over them. In a twentieth of the steps:

    python -m experiments.impacts --share 0.05 --trials 3
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import numpy as np
import typer

from experiments.kept import Kept, OutputOption
from experiments.tables import cell, table
from experiments.trainings import (
    ShareOption,
    TrialsOption,
    Weights,
    hearing,
    require_data,
    shortened,
    trained,
)
from wordbrush import params as parameters
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.splits import TRAIN
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import recall
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation.retrieval import ranks_of
from wordbrush.params import Params
from wordbrush.senses.natural import struck_pairs
from wordbrush.storage.layout import PARAMS, Layout

Start = Literal["scratch", "true", "shuffled"]
TITLES: dict[Start, str] = {
    "scratch": "from scratch",
    "true": "after impacts",
    "shuffled": "after impacts of other drawings (control)",
}
PARTS = (16, 8, 4, 2, 1)  # 1/16, 1/8, …: of the captions
READ = ("samples", "features", "annotations")
Results = dict[Start, dict[str, list[float]]]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    share: ShareOption = 1.0,
    output: OutputOption = None,
) -> None:
    params, layout = shortened(parameters.load(Path(PARAMS)), share), Layout(Path("."))
    require_pairs(params, layout)
    pairs = read_pairs(layout)
    kept = Kept.of("impacts", output, params, layout)
    results: Results = {start: {} for start in TITLES}
    with TemporaryDirectory() as folder:
        struck = struck_pairs(params, layout, pairs, Path(folder) / "impacts")
        for trial in range(trials):
            for start, found in results.items():
                for name, value in measured(kept, params, pairs, struck, start, trial).items():
                    found.setdefault(name, []).append(value)
    print(written(results, pairs.manifest))


def require_pairs(params: Params, layout: Layout) -> None:
    """Raises WordbrushError where this folder has no drawings with captions, or where several
    audio networks hear them."""
    require_data(layout, READ)
    if len(params.davenet.languages) > 1:
        raise WordbrushError(
            f"davenet.languages in {PARAMS} names several audio networks, and impacts have no "
            "language: set it to []."
        )


def parts_of(manifest: Manifest) -> list[int]:
    """Of PARTS, those with which a batch has two captions or more."""
    return [part for part in PARTS if len(manifest.captions(TRAIN)) // part > 1]


def fewer(manifest: Manifest, part: int, seed: int) -> Manifest:
    """The same with 1/part of the captions for training, drawn so that fewer are among more."""
    captions = np.random.default_rng(seed).permutation(manifest.captions(TRAIN))
    return hearing(manifest, captions[: len(captions) // part])


def measured(
    kept: Kept, params: Params, pairs: Pairs, struck: Pairs, start: Start, trial: int
) -> dict[str, float]:
    """Of a trial with this start, the recall@10 of impacts, if it hears any, and of captions by
    their part; what is kept is not trained again."""
    beginning = cache(partial(begun, params, struck, start, trial))

    def of_impacts() -> float | None:
        return beginning()[1]

    def of_captions(part: int) -> float:
        some = heard_later(params, pairs, part, trial)
        encoders = trained(params, some, trial, beginning()[0])
        return recall_10(encoders, some, some.manifest.captions("test"))

    wanted = {} if start == "scratch" else {"impacts": of_impacts}
    wanted |= {f"1/{part}": partial(of_captions, part) for part in parts_of(pairs.manifest)}
    return {name: kept.get(f"{start}, trial {trial}, {name}", one) for name, one in wanted.items()}


def begun(
    params: Params, struck: Pairs, start: Start, trial: int
) -> tuple[Weights | None, float | None]:
    """The weights with which captions begin, and the recall@10 of impacts; both None from
    scratch."""
    if start == "scratch":
        return None, None
    sounds = heard_first(params, struck, start, trial)
    pretrain = params.schedule.pretrain.model_copy(update={"locked_steps": 0, "context_steps": 0})
    schedule = params.schedule.model_copy(update={"pretrain": pretrain})
    joint = params.model_copy(update={"schedule": schedule})
    encoders = trained(joint, sounds, trial)
    return encoders.state_dict(), recall_10(encoders, struck, struck.manifest.captions("test"))


def heard_later(params: Params, pairs: Pairs, part: int, trial: int) -> Pairs:
    """The pairs with 1/part of the captions, which all starts of a trial share."""
    return replace(pairs, manifest=fewer(pairs.manifest, part, params.seed + trial))


def heard_first(params: Params, struck: Pairs, start: Start, trial: int) -> Pairs:
    """The impacts of a start, with their own drawings, or shuffled anew in each trial."""
    if start == "true":
        return struck
    return replace(struck, manifest=struck.manifest.shuffled(params.seed + trial))


def recall_10(encoders: Encoders, pairs: Pairs, numbers: np.ndarray) -> float:
    """In percent, both directions together, among these utterances and their drawings."""
    features = encode_pairs(encoders, pairs, numbers)
    scores = all_similarities(*features, encoders.config.similarity)
    return recall(ranks_of(scores, pairs.manifest, numbers), 10)


def written(results: Results, manifest: Manifest) -> str:
    """A row for each start, a column for each number of captions; then the impacts themselves."""
    parts, captions = parts_of(manifest), len(manifest.captions(TRAIN))
    candidates = len(manifest.pictures(manifest.captions("test")))
    header = ["recall@10", *(f"{captions // part} captions" for part in parts)]
    rows = [[TITLES[start], *row(found, parts)] for start, found in results.items()]
    chance = f"{100 * min(10, candidates) / candidates:.1f}"
    impacts = ", ".join(
        f"{cell(results[start]['impacts'])} {TITLES[start]}" for start in ("true", "shuffled")
    )
    lines = table(header, [*rows, ["chance", *[chance] * len(parts)]])
    return f"{lines}\n\nImpacts themselves, recall@10: {impacts}."


def row(found: dict[str, list[float]], parts: Sequence[int]) -> list[str]:
    """Of a start, the mean with its interval for each number of captions."""
    return [cell(found[f"1/{part}"]) for part in parts]


if __name__ == "__main__":
    run_command(app, "experiments.impacts")
