"""speak-edits: samples, generator, segmenter, annotations -> twins: edits of drawings of the
training, each with a spoken caption of what it shows.

As a control, with `twins.kind: plain`, other drawings take the place of the edits: as many, with as
many objects, described as certainly. With `none` there are no twins.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations, groupby
from typing import get_args

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
from wordbrush.data.twins import NO_RIVAL, write_twins
from wordbrush.editing.twins import CertainEdit, Change, Described, Judge, are_rivals, find_edits
from wordbrush.errors import WordbrushError
from wordbrush.gan.drawings import kept_drawings
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Params
from wordbrush.scenes.facts import AXES
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
    require_enough(params, told)
    if params.twins.kind == "plain":
        others = plain_drawings(params, generator, judge, [edit for edit, _ in told])
        told = [
            (other, line)
            for number, other in enumerate(others)
            if (line := line_of(params, number, other, None))
        ]
    rivals = rivals_of(told) if params.twins.kind == "edited" else [NO_RIVAL] * len(told)
    write(params, layout, told, rivals, checkpoints)
    write_json(layout.metrics("twins"), summary(params, layout, drawings, told, rivals))


def write_none(layout: Layout) -> None:
    """No twins: tables without rows."""
    with whole_directory(layout.twins) as folder:
        write_twins(folder, [], [], [])
    with whole_directory(layout.twin_speech) as folder:
        write_table(folder / "train-00000-of-00001.parquet", [], described(SCHEMA))
    write_json(layout.metrics("twins"), {"captions": 0})


def certain_drawings(
    params: Params, layout: Layout, parsed: list[list[dict]], judge: Judge
) -> Described:
    """The first drawings of the training that are described as certainly as edits must be.

    Up to half of them are the first of those whose captions tell what stands in front or behind,
    which few do (one in nine of `small`).
    """
    trained = split_ranges(params.samples)["train"]
    lines = drawing_lines(parsed, params.captions, params.segmenter.min_confidence, params.seed)
    facts = {
        number: facts
        for number in trained
        if judge.certain(parsed[number]) and (facts := facts_in(lines[number].text))
    }
    wanted, rare = params.twins.drawings, {*AXES["front_behind"]}
    first = [number for number in facts if rare & {*facts[number].relations}][: wanted // 2]
    chosen = {*first}
    others = [number for number in facts if number not in chosen]
    numbers = sorted([*first, *others[: wanted - len(first)]])
    objects, told = [parsed[number] for number in numbers], [facts[number] for number in numbers]
    return Described(np.array(numbers, np.int64), read_latents(layout)[numbers], objects, told)


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
    _, pictures, _ = kept_drawings(generator, len(edits), seed, keep, "twins.min_certainty")
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
    rivals: list[int],
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
        drawings, certainty = zip(*((edit.drawing, edit.certainty) for edit in edits), strict=True)
        write_twins(folder, list(drawings), rivals, list(certainty))
    rows = [
        row(number, "train", line, sound, words)
        for number, (line, (sound, words, _)) in enumerate(zip(lines, recited, strict=True))
    ]
    with whole_directory(layout.twin_speech) as folder:
        write_shards(folder, rows, captions.rows_per_shard)


def rivals_of(told: Sequence[tuple[CertainEdit, Line]]) -> list[int]:
    """The number of each edit's rival: another edit of the same drawing with the same objects, one
    of which stands in front of another here and behind it there. Neither caption is true of both.
    """
    rivals = [NO_RIVAL] * len(told)
    for _, of_one in groupby(enumerate(told), lambda numbered: numbered[1][0].drawing):
        for (one, first), (other, second) in combinations(of_one, 2):
            if rivals[one] == rivals[other] == NO_RIVAL and told_apart(first, second):
                rivals[one], rivals[other] = other, one
    return rivals


def told_apart(first: tuple[CertainEdit, Line], second: tuple[CertainEdit, Line]) -> bool:
    """Whether these edits are rivals, and the caption of neither is true of the other."""
    (edit, line), (other, said) = first, second
    facts, others = facts_in(line.text), facts_in(said.text)
    if facts is None or others is None or not are_rivals(edit.objects, other.objects):
        return False
    return not facts.true_of(other.objects) and not others.true_of(edit.objects)


def summary(
    params: Params,
    layout: Layout,
    drawings: Described,
    told: Sequence[tuple[CertainEdit, Line]],
    rivals: list[int],
) -> dict[str, float]:
    """`tried` drawings, of which `drawings` have twins; how many captions, of edits by kind of
    change, and their certainty, mean."""
    edits = [edit for edit, _ in told]
    changes = {name: sum(edit.change == name for edit in edits) for name in get_args(Change)}
    changes["rivals"] = sum(rival != NO_RIVAL for rival in rivals)
    lengths = FeatureStore(layout.twins / "features").lengths
    config = FeatureConfig.taken_from(params.captions)
    return {
        "tried": len(drawings.numbers),
        "drawings": len({edit.drawing for edit in edits}),
        "captions": len(edits),
        **(changes if params.twins.kind == "edited" else {}),
        "certainty": round(100 * float(np.mean([edit.certainty for edit in edits])), 2),
        **lengths_told(lengths, config),
    }
