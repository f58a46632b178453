"""speak-edits: samples, generator, segmenter, annotations -> twins: edits of drawings of the
training, each with a spoken caption of what it shows.

As a control, with `twins.kind: plain`, other drawings take the place of the edits: as many, with as
many objects, described as certainly. With `none` there are no twins.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.captions.lines import Line, drawing_lines
from wordbrush.captions.recital import recite, row
from wordbrush.captions.twins import TWINS, twin_line
from wordbrush.captions.wording import facts_in
from wordbrush.data.pairs import read_latents
from wordbrush.data.recordings import SCHEMA, described, write_shards
from wordbrush.data.speech import FeatureStore, lengths_told, write_features
from wordbrush.data.splits import split_ranges
from wordbrush.data.twins import write_twins
from wordbrush.editing.twins import CertainEdit, Described, Judge, find_edits
from wordbrush.errors import WordbrushError
from wordbrush.gan.drawings import kept_drawings
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Params
from wordbrush.segmenter.annotations import read_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.storage.files import whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.tables import write_table
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import device


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Find the edits, and speak their captions."""
    if not params.twins.used:
        write_none(layout)
        return
    generator = load_generator(layout.generator, device())
    judge = Judge(
        load_segmenter(layout.segmenter, device()),
        params.segmenter.min_confidence,
        params.twins.min_certainty,
    )
    parsed = read_annotations(layout.annotations)
    drawings = certain_drawings(params, layout, parsed, judge)
    limits = params.twins.each, params.twins.tries
    edits = find_edits(generator, drawings, judge, params.edits, *limits, params.seed)
    told = [
        (edit, line)
        for number, edit in enumerate(edits)
        if (line := line_of(params, number, edit, parsed[edit.drawing]))
    ]
    if params.twins.kind == "plain":
        others = plain_drawings(params, generator, judge, [edit for edit, _ in told])
        told = [
            (other, line)
            for number, other in enumerate(others)
            if (line := line_of(params, number, other, None))
        ]
    require_enough(params, told)
    write(params, layout, told, checkpoints)
    write_json(layout.metrics("twins"), summary(params, layout, drawings, told))


def write_none(layout: Layout) -> None:
    """No twins: tables without rows."""
    with whole_directory(layout.twins) as folder:
        write_twins(folder, [], [])
    with whole_directory(layout.twin_speech) as folder:
        write_table(folder / "train-00000-of-00001.parquet", [], described(SCHEMA))
    write_json(layout.metrics("twins"), {"captions": 0})


def certain_drawings(
    params: Params, layout: Layout, parsed: list[list[dict]], judge: Judge
) -> Described:
    """The first drawings of the training that are described as certainly as edits must be."""
    trained = split_ranges(params.samples)["train"]
    certain = [number for number in trained if judge.certain(parsed[number])]
    numbers = np.array(certain[: params.twins.drawings], np.int64)
    lines = drawing_lines(parsed, params.captions, params.segmenter.min_confidence, params.seed)
    facts = [facts for number in numbers if (facts := facts_in(lines[number].text))]
    latents = read_latents(layout)[numbers]
    return Described(numbers, latents, [parsed[number] for number in numbers], facts)


def line_of(
    params: Params, number: int, edit: CertainEdit, before: list[dict] | None
) -> Line | None:
    """The caption of the edit with this number."""
    return twin_line(edit.objects, before, params.captions, [params.seed, number])


def plain_drawings(
    params: Params, generator: Generator, judge: Judge, edits: Sequence[CertainEdit]
) -> list[CertainEdit]:
    """Other drawings in the place of edits, each with as many objects."""
    wanted = Counter(len(edit.objects) for edit in edits)

    def keep(pictures: np.ndarray) -> np.ndarray:
        return np.array([take(things) for things in parse(judge.segmenter, pictures)])

    def take(things: list[dict]) -> bool:
        if not judge.certain(things) or not wanted[len(things)]:
            return False
        wanted[len(things)] -= 1
        return True

    seed = int(np.random.SeedSequence([params.seed, TWINS]).generate_state(1)[0])
    _, pictures, _ = kept_drawings(generator, len(edits), seed, keep)
    parsed = parse(judge.segmenter, pictures)
    by_count = sorted(range(len(parsed)), key=lambda number: len(parsed[number]))
    in_turn = sorted(range(len(edits)), key=lambda number: len(edits[number].objects))
    others = list(edits)
    for at, number in zip(in_turn, by_count, strict=True):
        objects = parsed[number]
        sure = min(thing["certainty"] for thing in objects)
        others[at] = replace(
            edits[at], picture=pictures[number], objects=objects, operation="none", certainty=sure
        )
    return others


def require_enough(params: Params, told: Sequence[tuple[CertainEdit, Line]]) -> None:
    """Raises WordbrushError where batches could not be filled."""
    drawings = len({edit.drawing for edit, _ in told})
    if drawings < params.twins.pairs_a_batch:
        raise WordbrushError(
            f"{drawings} drawings have certain edits, and twins.pairs_a_batch asks for "
            f"{params.twins.pairs_a_batch}: raise twins.drawings or twins.tries, lower "
            "twins.min_certainty or twins.pairs_a_batch, or train the GAN for longer."
        )


def write(
    params: Params,
    layout: Layout,
    told: Sequence[tuple[CertainEdit, Line]],
    checkpoints: Checkpoints,
) -> None:
    """Speak the captions, and write twins and speech."""
    captions, lines = params.captions, [line for _, line in told]
    edits = [edit for edit, _ in told]
    speaking = partial(recite, lines, captions, "speaking edits")
    recited = list(checkpoints.continued("captions", speaking, captions.lines_per_process))
    config = FeatureConfig.taken_from(captions)
    with whole_directory(layout.twins) as folder:
        write_features(folder / "features", (frames for _, _, frames in recited), config)
        np.save(folder / "images.npy", np.stack([edit.picture for edit in edits]))
        write_twins(folder, [edit.drawing for edit in edits], [edit.certainty for edit in edits])
    rows = [
        row(number, "train", line, sound, words)
        for number, (line, (sound, words, _)) in enumerate(zip(lines, recited, strict=True))
    ]
    with whole_directory(layout.twin_speech) as folder:
        write_shards(folder, rows, captions.rows_per_shard)


def summary(
    params: Params,
    layout: Layout,
    drawings: Described,
    told: Sequence[tuple[CertainEdit, Line]],
) -> dict[str, float]:
    """`tried` drawings, of which `drawings` have twins; how many captions, by kind of change, and
    their certainty, mean."""
    edits = [edit for edit, _ in told]
    lengths = FeatureStore(layout.twins / "features").lengths
    config = FeatureConfig.taken_from(params.captions)
    return {
        "tried": len(drawings.numbers),
        "drawings": len({edit.drawing for edit in edits}),
        "captions": len(edits),
        "relations": sum(edit.change == "relation" for edit in edits),
        "objects": sum(edit.change == "object" for edit in edits),
        "certainty": round(100 * float(np.mean([edit.certainty for edit in edits])), 2),
        **lengths_told(lengths, config),
    }
