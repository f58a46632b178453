"""`python -m experiments.composition MODEL`: what a model hears of composition.

The tests of evaluation/composition.py on drawings of the model's own and on rendered scenes of its
world: one word wrong, exchanges between two objects, hard positives. And recall among its drawings,
beside what perfect listeners reach. The stage evaluate measures the same on a run's tests; this is
for models without a run, such as those kept from before. It takes some ten minutes on a core, most
of which the pairs of scenes take; with --keep they are rendered once. Captions are said by voices
of the training, and repeated by those held out of it. Or voices that are named say all, such as
those of engines that training never heard:

    python -m experiments.composition models/small
    python -m experiments.composition models/small --voice pico/en-GB --voice kokoro/jm_kumo
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, get_args

import numpy as np
import typer

from experiments.engines import print_table, with_interval
from wordbrush import scenes
from wordbrush.captions.composition import (
    Script,
    Subjects,
    read_exchanges,
    write_composition,
    write_script,
)
from wordbrush.captions.lines import drawing_lines, in_first
from wordbrush.captions.recital import recite
from wordbrush.captions.voices import check_voice
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import both_ways
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation.bounds import bound, distinct, fitting, recall_bound
from wordbrush.evaluation.cases import read_cases
from wordbrush.evaluation.composed import SCORES, Test, score_of
from wordbrush.evaluation.composition import measure
from wordbrush.evaluation.interface import needed
from wordbrush.evaluation.results import RECALL_LEVELS, Composition, PairScores, Recall
from wordbrush.evaluation.retrieval import recalls
from wordbrush.model.model import Model, load_model
from wordbrush.params import Params, load
from wordbrush.scenes.records import RealPair
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.parsing import describable
from wordbrush.stages.render_scenes import write_pairs
from wordbrush.storage.files import read_json, write_json
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.paths import given_path
from wordbrush.versioning.fingerprint import combined, digest

REAL = 5  # pairs of the real-image test for each wanted one: they change one of four attributes
ModelArgument = Annotated[Path, typer.Argument(help="An exported model.", parser=given_path)]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command(help=__doc__)
def main(
    model: ModelArgument,
    pairs: Annotated[int, typer.Option(min=1, help="Of each kind.")] = 100,
    drawings: Annotated[int, typer.Option(min=2, help="To tell of, and to find.")] = 500,
    seed: Annotated[int, typer.Option(help="Of drawings.")] = 1,
    voice: Annotated[
        list[str] | None, typer.Option(help="Says the captions; may be repeated.")
    ] = None,
    keep: Annotated[
        Path | None, typer.Option(help="Keeps what was rendered.", parser=given_path)
    ] = None,
    output: Annotated[Path | None, typer.Option(help="JSON.", parser=given_path)] = None,
) -> None:
    params, listener = with_pairs(load(model / PARAMS), pairs), load_model(model)
    params = said_by(params, voice) if voice else params
    with TemporaryDirectory() as folder:
        layout = Layout(kept_in(keep, params) if keep else Path(folder))
        if not layout.real_pairs.is_dir():
            write_pairs(params, layout)
        pictures, parsed = described(listener, params, drawings, seed)
        composition = layout.test_speech / "composition"
        write_composition(composition, params.captions, script(params, layout, parsed))
        cases = needed(read_cases(layout, pictures))
        scores = measure(cases, listener.encoders, params)
        recall = recall_and_bounds(listener, params, pictures, parsed, Path(folder) / "captions")
    print_composition(scores)
    print_table(
        f"among {drawings} drawings",
        {name: [f"{value:.1f}" for value in one.values()] for name, one in recall.items()},
        [f"R@{k}" for k in RECALL_LEVELS],
    )
    if output is not None:
        write_json(output, {**scores, "recall": recall})


def kept_in(keep: Path, params: Params) -> Path:
    """The folder of what is rendered with these parameters: under the hash of what makes it."""
    world, count = params.scenes.model_dump(mode="json"), params.evaluation.composition_pairs
    code = digest(Path(scenes.__file__).parent)
    return keep / combined([params.seed, count, world, code])


def with_pairs(params: Params, pairs: int) -> Params:
    """The parameters of a model, with so many pairs of each kind, told in its first language."""
    return params.model_copy(
        update={
            "captions": in_first(params.captions),
            "scenes": params.scenes.model_copy(update={"real_pairs": REAL * pairs}),
            "evaluation": params.evaluation.model_copy(update={"composition_pairs": pairs}),
        }
    )


def said_by(params: Params, voices: Sequence[str]) -> Params:
    """The same with these voices, each as often, for all that is said. Raises WordbrushError for a
    voice that does not exist, or that speaks another language."""
    for name in voices:
        check_voice(name)
    named = {"voices": [*voices], "held_out_voices": [*voices], "engine_shares": {}}
    captions = params.captions.model_copy(update=named)
    spoken = in_first(captions).voices
    if others := sorted({*voices} - {*spoken}):
        raise WordbrushError(
            f"--voice {others[0]} does not speak {captions.languages[0]}, in which the model is "
            "tested."
        )
    return params.model_copy(update={"captions": captions})


def described(
    model: Model, params: Params, count: int, seed: int
) -> tuple[np.ndarray, list[list[dict]]]:
    """Drawings of the model, uint8 [count, H, W, 3], that a person could describe, as training has
    them, and their objects. Raises WordbrushError where too few can be described."""
    pictures = model.draw(3 * count, seed)
    parsed, least = model.read(pictures), params.segmenter.min_confidence
    certain = params.samples.min_certainty
    told = [k for k, things in enumerate(parsed) if describable(things, least, certain)][:count]
    if len(told) < count:
        raise WordbrushError(
            f"of {3 * count} drawings {len(told)} can be described: ask for fewer --drawings."
        )
    return pictures[told], [parsed[number] for number in told]


def script(params: Params, layout: Layout, parsed: list[list[dict]]) -> Script:
    """What is said of the drawings and of the rendered pairs."""
    subjects = Subjects(
        dict(enumerate(parsed)),
        read_json(layout.real_pairs / "pairs.json", list[RealPair]),
        read_exchanges(layout.real_pairs / "exchanges.json"),
    )
    captions, count = params.captions, params.evaluation.composition_pairs
    return write_script(subjects, captions, captions.held_out_voices, count, params.seed)


def recall_and_bounds(
    model: Model, params: Params, pictures: np.ndarray, parsed: list[list[dict]], folder: Path
) -> dict[str, Recall]:
    """Recall of drawings and their captions, both ways, and what perfect listeners reach."""
    captions, least = params.captions, params.segmenter.min_confidence
    lines = drawing_lines(parsed, captions, least, params.seed, captions.languages[0])
    frames = (frames for _, _, frames in recite(lines, captions, "speaking captions"))
    write_features(folder, frames, model.config.features)
    every = np.arange(len(pictures))
    seen = encode_images(model.encoders, pictures, every)
    heard = encode_speech(model.encoders, FeatureStore(folder), every)
    scores = all_similarities(seen, heard, model.encoders.config.similarity)
    found = {
        "the model": recalls(both_ways(scores)),
        "attributes alone": bound(lambda k: distinct(parsed, least, list(ATTRIBUTES), k)),
    }
    fits = fitting(parsed, [line.text for line in lines])  # None, but in English
    if fits is not None:
        found["all that is told"] = bound(lambda k: recall_bound(fits, k))
    return found


def print_composition(scores: Composition) -> None:
    """A table for each test, on drawings and on scenes."""
    for test in get_args(Test):
        for medium, kinds in scores.get(test, {}).items():
            rows = {kind: cells(one) for kind, one in kinds.items()}
            print_table(f"{test.replace('_', ' ')}, {medium}", rows, ["pairs", *SCORES])


def cells(scores: PairScores) -> list[str]:
    """A row of the table: each score with its interval."""
    found = [score_of(scores, name) for name in SCORES]
    return [str(scores["pairs"]), *("–" if one is None else with_interval(one) for one in found)]


if __name__ == "__main__":
    run_command(app, "experiments.composition")
