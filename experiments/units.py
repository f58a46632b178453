"""`python -m experiments.units`: what codebooks cost and give, by when they begin.

Trains encoders on the pairs of this folder, whose `params.yaml` names codebooks (the preset vq),
again and again: without codebooks, with all from the first step on (cold), with one or all from the
first `from_step` on (warm), and one after another as params.yaml says (grown). All else is equal,
the random numbers too. Prints a table of recall on the test pairs, of the words that the codes of
each layer detect, and of the ABX error of phones, before and behind each codebook. For the preset
vq, three hours on two cores; in a sixth of that:

    python -m experiments.units --share 0.16
"""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from experiments.kept import Kept, OutputOption
from wordbrush import params as parameters
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.training import Settings, train
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation import retrieval
from wordbrush.evaluation.interface import Subject
from wordbrush.evaluation.material import Material, read_material
from wordbrush.evaluation.results import Interval, Units
from wordbrush.evaluation.units import UnitTests
from wordbrush.params import Davenet, Params, Pretraining, Quantiser
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.training.compute import set_seed
from wordbrush.training.conditions import as_chosen

HEADER = """\
| start | R@10 | layer | words detected | word F1 | ABX | of codes | perplexity |
|---|---|---|---|---|---|---|---|"""
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    only: Annotated[list[str] | None, typer.Option(help="Such a start; may be repeated.")] = None,
    share: Annotated[float, typer.Option(min=0.001, max=1, help="Of all steps.")] = 1.0,
    output: OutputOption = None,
) -> None:
    params, layout = shortened(parameters.load(Path(PARAMS)), share), Layout(Path("."))
    chosen = starts(params)
    if unknown := sorted({*(only or ())} - {*chosen}):
        raise WordbrushError(f"--only {unknown[0]!r} is no start; there are {', '.join(chosen)}.")
    kept = Kept.of("units", output, params, layout)
    material = read_material(params, layout)
    tests = UnitTests(material)
    print(HEADER, flush=True)
    for name, quantisers in chosen.items():
        if only and name not in only:
            continue
        found = kept.get(name, partial(measured, material, tests, name, quantisers))
        print(*table_rows(name, found), sep="\n", flush=True)


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
    found = {"none": [], f"cold {{{layers}}}": all_from(0, named)}
    found |= {f"warm {{{one.layer}}}": all_from(begun, [one]) for one in named}
    if len(named) > 1:
        found[f"warm {{{layers}}}"] = all_from(begun, named)
    if len({one.from_step for one in named}) > 1:
        found[f"grown {{{layers}}}"] = named
    return found


def steps_of(params: Params) -> int:
    return params.schedule.pretrain.steps + params.schedule.pretrain.locked_steps


def shortened(params: Params, share: float) -> Params:
    """The same with this share of the pretraining, and codebooks that begin as much earlier."""

    def shorter(steps: int) -> int:
        return round(share * steps)

    pretrain = params.schedule.pretrain
    names = ("steps", "ramp_steps", "locked_steps", "warmup_steps")
    update = {name: shorter(getattr(pretrain, name)) for name in names}
    stage: Pretraining = pretrain.model_copy(update={**update, "steps": max(1, update["steps"])})
    last = stage.steps + stage.locked_steps - 1
    quantisers = [
        one.model_copy(update={"from_step": min(shorter(one.from_step), last)})
        for one in params.davenet.quantisers
    ]
    davenet: Davenet = params.davenet.model_copy(update={"quantisers": quantisers})
    schedule = params.schedule.model_copy(update={"pretrain": stage})
    return params.model_copy(update={"davenet": davenet, "schedule": schedule})


def measured(material: Material, tests: UnitTests, name: str, quantisers: list[Quantiser]) -> dict:
    """Train with these codebooks, and measure on the test pairs: recall_10 with its interval, and
    `units`."""
    params, pairs = material.params, material.pairs
    davenet = params.davenet.model_copy(update={"quantisers": quantisers})
    set_seed(params.grounding_seed)
    encoders = Encoders(EncoderConfig.of(davenet, pairs.speech.config))
    with as_chosen(params):
        stage, seed = params.schedule.pretrain, params.grounding_seed
        settings = Settings(davenet, stage, "hard", seed, params.edits.against)
        train(encoders, pairs, settings)
    features = encode_pairs(encoders, pairs, material.samples)
    scores = all_similarities(*features, davenet.similarity)
    subject = Subject(None, encoders, features, scores)
    values, intervals = retrieval.TEST.run(material, subject)
    return {
        "recall_10": values["recall"]["10"],
        "interval": intervals["recall_10"],
        "units": tests.measure(subject, name),
    }


def table_rows(name: str, result: dict) -> list[str]:
    """The rows of a start below HEADER, one for each codebook."""
    recall = f"{result['recall_10']:.1f} {shown(result['interval'])}"
    rows = codebook_rows(result["units"]) or [" | – | – | – | – | – | – |"]
    return [f"| {name} | {recall}{row}" for row in rows]


def codebook_rows(units: Units) -> list[str]:
    """The cells of each codebook."""
    rows = []
    for layer, one in units.items():
        if (found := one.get("codebook")) is None:
            continue
        words = f"{found['detected']} of {found['words']}" if "words" in found else "–"
        errors = [f"{part['abx']['value']:.1f}" if "abx" in part else "–" for part in (one, found)]
        rows.append(
            f" | {layer} | {words} | {found.get('word_f1', 0):.1f} | {errors[0]} | {errors[1]} "
            f"| {found['perplexity']:.1f} |"
        )
    return rows


def shown(interval: Interval) -> str:
    return f"[{interval['low']:.1f}, {interval['high']:.1f}]"


if __name__ == "__main__":
    run_command(app, "experiments.units")
