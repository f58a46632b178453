"""Certain edits of drawings, found without a listener: near misses that a describer tells apart.

Objects exchange places, one moves, all are mirrored, or one gets units of another drawing's object
or none. The segmenter reads what came of it: an edit counts where every object is certain, and what
a caption would say differs by little.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_uint8
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.negatives import Batch, Edited
from wordbrush.editing.layout_editor import LayoutEditor, drawn_objects
from wordbrush.editing.layouts import Floor
from wordbrush.editing.units import changed, random_order, replace, shifted, square
from wordbrush.gan.networks import Generator
from wordbrush.params import LAYOUTS, Edits
from wordbrush.scenes.facts import AXES, INVERSE, Facts, relations, told
from wordbrush.segmenter.network import Segmenter
from wordbrush.segmenter.parsing import describable, parse
from wordbrush.telemetry.progress import Progress
from wordbrush.training.compute import device_of, random_numbers, to_device

Change = Literal["left_right", "front_behind", "object"]
BATCH = 64
# Layers that are edited, with how many cells around an object are lifted or given other units, as
# in docs/log.md, entry 46, and experiments/edits.py; and the share of units that changes most often
# one attribute alone, or removes the object.
LAYOUT_LAYERS = {8: 1, 16: 1, 32: 2}
UNIT_EDITS = (("transplant", 8, 1, 0.1), ("transplant", 16, 2, 0.25), ("ablate", 16, 2, 1.0))


@dataclass(frozen=True)
class Described:
    """Drawings that may be edited: their numbers [D] and latents [D, Z], what the segmenter reads
    in each, and what the caption of each tells."""

    numbers: np.ndarray
    latents: np.ndarray
    objects: Sequence[list[dict]]
    facts: Sequence[Facts]


@dataclass(frozen=True)
class CertainEdit:
    """An edit of the drawing with this number: the picture uint8 [H, W, 3], its objects, how it was
    made, and the least certainty of an object before or after."""

    drawing: int
    picture: np.ndarray
    objects: list[dict]
    operation: str
    certainty: float
    change: Change


@dataclass(frozen=True)
class Judge:
    """Decides which edits count. min_confidence, min_certainty: of every object (parsing.parse)."""

    segmenter: Segmenter
    min_confidence: float
    min_certainty: float

    def certain(self, objects: list[dict]) -> bool:
        return describable(objects, self.min_confidence, self.min_certainty)

    def change(self, before: list[dict], after: list[dict]) -> Change | None:
        """What differs: one object at most, or how the same objects lie; None: nothing, or more.

        Where something lies in front of another or behind it, and did not before, that counts, and
        not what lies beside another now: it is rarer.
        """
        was, now = Counter(map(told, before)), Counter(map(told, after))
        gone, new = (was - now).total(), (now - was).total()
        if gone or new:
            return "object" if max(gone, new) == 1 else None
        lies = {relation for _, relation, _ in relations(after) - relations(before)}
        if not lies:
            return None
        return "front_behind" if lies & {*AXES["front_behind"]} else "left_right"


def find_edits(
    generator: Generator, drawings: Described, judge: Judge, edits: Edits, each: int, tries: int,
    seed: int,
) -> list[CertainEdit]:  # fmt: skip
    """At most `each` certain edits of every drawing, in the order of drawings.

    tries: of each way to edit a drawing. The edits of a drawing tell different things; their kinds
    of change take turns, the most certain first.
    """
    rng = random_numbers(seed, device_of(generator))
    sizes = [size for size in LAYOUT_LAYERS if size <= generator.config.resolution]
    floors = {size: Floor.of(generator, size) for size in sizes}
    found, count = [], len(drawings.numbers)
    with Progress("editing drawings", count, "drawing") as progress:
        for first in range(0, count, BATCH):
            rows = slice(first, first + BATCH)
            some = Described(
                drawings.numbers[rows],
                drawings.latents[rows],
                drawings.objects[rows],
                drawings.facts[rows],
            )
            made: list[list[CertainEdit]] = [[] for _ in some.numbers]
            for operation, edited in attempts(generator, some, floors, edits, tries, rng):
                for row, edit in judged(some, operation, edited, judge):
                    made[row].append(edit)
            found += [edit for one in made for edit in the_best(one, each)]
            progress.advance(len(some.numbers))
    return found


@torch.no_grad()
def attempts(
    generator: Generator,
    drawings: Described,
    floors: dict[int, Floor],
    edits: Edits,
    tries: int,
    rng: torch.Generator,
) -> Iterator[tuple[str, Edited]]:
    """Every way to edit the drawings, `tries` times, by its operation."""
    latents = to_device(torch.from_numpy(drawings.latents), rng.device)
    images, rows = generator(latents), np.arange(len(latents))
    nothing = Encoded(images[:, 0])  # there is no listener, and objects are drawn without one
    batch = Batch(rows, images, nothing, nothing, latents)
    for _, operation, (size, floor) in product(range(tries), LAYOUTS, floors.items()):
        way = {"operation": operation, "resolution": size, "radius": LAYOUT_LAYERS[size]}
        how = edits.model_copy(update=way)
        editor = LayoutEditor(generator, drawings.latents, how, rng, floor, drawn_objects(rng))
        yield operation, editor(batch)
    for _, (operation, size, radius, share) in product(range(tries), UNIT_EDITS):
        if size <= generator.config.resolution:
            layer = generator.encode(latents, size)
            cells = drawn_middles(drawings, images.shape[-1], rng) * size
            pictures = units_edited(generator, layer, cells.long(), operation, radius, share, rng)
            differs = changed(images, pictures, edits.min_change)
            yield operation, Edited(pictures, differs)


def drawn_middles(drawings: Described, side: int, rng: torch.Generator) -> Tensor:
    """The middle (y, x) [N, 2] of one object of each drawing, in shares of its `side` pixels."""
    chances = torch.rand(len(drawings.objects), generator=rng, device=rng.device).tolist()
    chosen = [
        things[int(chance * len(things))]
        for things, chance in zip(drawings.objects, chances, strict=True)
    ]
    middles = torch.tensor([[one["y"], one["x"]] for one in chosen], device=rng.device)
    return (middles / side).clamp(max=1 - 1e-6)


def units_edited(
    generator: Generator, layer: Tensor, cells: Tensor, operation: str, radius: int, share: float,
    rng: torch.Generator,
) -> Tensor:  # fmt: skip
    """Pictures in which a share of units around the cells (y, x) [N, 2] is 0, or has the values
    that they have around the cell of another drawing."""
    values = torch.zeros_like(layer)
    if operation == "transplant":
        values = shifted(layer.roll(1, 0), cells - cells.roll(1, 0))
    units = random_order(len(layer), layer.shape[1], rng) < share
    return generator.decode(replace(layer, units, square(cells, radius, layer.shape[-1]), values))


def judged(
    drawings: Described, operation: str, edited: Edited, judge: Judge
) -> Iterator[tuple[int, CertainEdit]]:
    """The edits that count, with their rows."""
    rows = edited.valid.nonzero()[:, 0].tolist()
    if not rows:
        return
    pictures = to_uint8(edited.pictures[rows])
    for row, picture, after in zip(rows, pictures, parse(judge.segmenter, pictures), strict=True):
        before = drawings.objects[row]
        if not judge.certain(after) or drawings.facts[row].true_of(after):
            continue
        if change := judge.change(before, after):
            certainty = min(thing["certainty"] for thing in (*before, *after))
            number = int(drawings.numbers[row])
            yield row, CertainEdit(number, picture, after, operation, certainty, change)


def are_rivals(one: list[dict], other: list[dict]) -> bool:
    """Whether both have the same objects, of which one is in front of another here and behind it
    there. What holds in both pictures, since there are doubles, does not count."""
    if Counter(map(told, one)) != Counter(map(told, other)):
        return False
    here, there = relations(one), relations(other)
    gone, new = here - there, there - here
    return any(
        (thing, INVERSE[relation], from_there) in new
        for thing, relation, from_there in gone
        if relation in AXES["front_behind"]
    )


def the_best(edits: list[CertainEdit], each: int) -> list[CertainEdit]:
    """The most certain of those that tell the same; of these `each`: two rivals, where there are
    some, and then by turns of each kind of change."""
    ranked = sorted(edits, key=lambda edit: -edit.certainty)
    distinct: dict[tuple, CertainEdit] = {}
    for edit in ranked:
        looks = tuple(sorted(map(told, edit.objects)))
        distinct.setdefault((looks, frozenset(relations(edit.objects).items())), edit)
    pairs = combinations(distinct.values(), 2)
    rivals = next((pair for pair in pairs if are_rivals(*(edit.objects for edit in pair))), ())
    turns: Counter[str] = Counter()
    in_turn = []
    for edit in distinct.values():
        if all(edit is not one for one in rivals):
            in_turn.append((turns[edit.change], edit))
            turns[edit.change] += 1
    others = [edit for _, edit in sorted(in_turn, key=lambda one: one[0])]
    return [*rivals, *others][:each]
