"""`python -m experiments.units`: what codebooks cost and give, by when they begin.

Trains encoders on the pairs of this folder, whose `params.yaml` names codebooks (the preset vq),
again and again: without codebooks, with all from the first step on (cold), with one or all from the
first `from_step` on (warm), and one after another as params.yaml says (grown). All else is equal,
the random numbers of a trial too. Prints a table of recall on the test pairs, of the words that the
codes of each layer detect, and of the ABX error of phones, before and behind each codebook: means
over trials with 95 % intervals over them. For the preset vq, three hours a trial on two cores; in a
sixth of that:

    python -m experiments.units --share 0.16
"""

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from experiments.figures import draw_layers
from experiments.kept import Kept, OutputOption
from experiments.tables import NOTHING, Row, cell, table
from experiments.trainings import (
    OnlyOption,
    ShareOption,
    TrialsOption,
    asked_for,
    shortened,
    trained,
)
from wordbrush import params as parameters
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation import retrieval
from wordbrush.evaluation.material import Material, read_material
from wordbrush.evaluation.protocol import subject_of
from wordbrush.evaluation.results import CodebookScores, LayerScores
from wordbrush.evaluation.units import UnitTests
from wordbrush.params import Params, Quantiser
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.paths import given_path

HEADER = (
    *("start", "R@10", "layer", "words detected", "word F1"),
    *("ABX", "of codes", "perplexity"),
)
NONE = "none"  # the start without codebooks
FigureOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.svg",
        help="A chart of the last start beside none.",
        parser=given_path,
    ),
]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    trials: TrialsOption = 3,
    only: OnlyOption = None,
    share: ShareOption = 1.0,
    output: OutputOption = None,
    figure: FigureOption = None,
) -> None:
    params, layout = shortened(parameters.load(Path(PARAMS)), share), Layout(Path("."))
    chosen = asked_for(starts(params), only)
    if figure is not None:
        require_two(chosen, trials)
    kept = Kept.of("units", output, params, layout)
    material = read_material(params, layout)
    tests = UnitTests(material)
    results: dict[str, list[dict[str, Any]]] = {}
    for trial in range(trials):
        for name, quantisers in chosen.items():
            measure = partial(measured, material, tests, quantisers, trial)
            results.setdefault(name, []).append(kept.get(f"{name}, trial {trial}", measure))
    layers = [str(layer) for layer in sorted(one.layer for one in params.davenet.quantisers)]
    rows = [row for name, found in results.items() for row in table_rows(name, found, layers)]
    print(table(HEADER, rows))
    if figure is not None:
        *_, last = (name for name in results if name != NONE)
        plain, quantised = ([one["units"] for one in results[name]] for name in (NONE, last))
        draw_layers(figure, plain, quantised)


def require_two(chosen: Collection[str], trials: int) -> None:
    """Raises WordbrushError where there is nothing to compare in a chart, or no interval."""
    if NONE not in chosen or len(chosen) < 2 or trials < 2:
        raise WordbrushError(
            f"--figure compares {NONE!r} and another start, with intervals over two trials or more."
        )


def starts(params: Params) -> dict[str, list[Quantiser]]:
    """The codebooks of each training, by its name. Raises WordbrushError where params.yaml names
    none."""
    named = sorted(params.davenet.quantisers, key=lambda one: (one.from_step, one.layer))
    if not named:
        raise WordbrushError("davenet.quantisers is empty in params.yaml: `wordbrush preset vq`.")
    begun = named[0].from_step or steps_of(params) // 2

    def all_from(step: int, chosen: list[Quantiser]) -> list[Quantiser]:
        return [one.model_copy(update={"from_step": step}) for one in chosen]

    layers = ", ".join(str(one.layer) for one in named)
    found = {NONE: [], f"cold {{{layers}}}": all_from(0, named)}
    found |= {f"warm {{{one.layer}}}": all_from(begun, [one]) for one in named}
    if len(named) > 1:
        found[f"warm {{{layers}}}"] = all_from(begun, named)
    if len({one.from_step for one in named}) > 1:
        found[f"grown {{{layers}}}"] = named
    return found


def steps_of(params: Params) -> int:
    return params.schedule.pretrain.steps + params.schedule.pretrain.locked_steps


def measured(
    material: Material, tests: UnitTests, quantisers: list[Quantiser], trial: int
) -> dict[str, Any]:
    """Train with these codebooks, and measure on the test pairs: recall_10, and `units`."""
    davenet = material.params.davenet.model_copy(update={"quantisers": quantisers})
    params = material.params.model_copy(update={"davenet": davenet})
    encoders = trained(params, material.pairs, trial)
    subject = subject_of(material, encoders)
    values, _ = retrieval.TEST.run(material, subject)
    return {
        "recall_10": values["recall"]["10"],
        "units": tests.measure(subject, f"trial {trial}"),
    }


def table_rows(name: str, trials: Sequence[dict[str, Any]], layers: Sequence[str]) -> list[Row]:
    """The rows of a start below HEADER, one for each codebook; of a start without any, one for each
    of these layers, with which those behind codebooks are compared."""
    recall = cell([one["recall_10"] for one in trials])
    behind = [layer for layer, one in trials[0]["units"].items() if "codebook" in one]
    return [
        [name, recall, layer, *layer_cells([one["units"][layer] for one in trials])]
        for layer in behind or layers
    ]


def layer_cells(trials: Sequence[LayerScores]) -> Row:
    """Of a layer, and of the codebook behind it, if there is one."""
    error = cell([abx_of(one) for one in trials])
    books = [one["codebook"] for one in trials if "codebook" in one]
    if not books:
        return [NOTHING, NOTHING, error, NOTHING, NOTHING]
    words = f"{cell([one.get('detected') for one in books])} of {books[0].get('words', 0)}"
    return [
        words if "words" in books[0] else NOTHING,
        cell([one.get("word_f1") for one in books]),
        error,
        cell([abx_of(one) for one in books]),
        cell([one["perplexity"] for one in books]),
    ]


def abx_of(scores: LayerScores | CodebookScores) -> float | None:
    """The error of phones, in percent; None where their times are unknown."""
    return scores["abx"]["value"] if "abx" in scores else None


if __name__ == "__main__":
    run_command(app, "experiments.units")
