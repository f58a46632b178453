"""`python -m experiments.edits PRESET`: what edits change in drawings of one object.

It also counts how often a batch of drawings contains such a near miss without edits. Results go to
results/PRESET/edits.md and edits.png.

The GAN of results/PRESET/drawing draws, and the segmenter there reads every drawing before and
after the edit.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from torch import Tensor

from experiments.runs import ROOT
from experiments.tables import heading, table
from wordbrush import params as parameters
from wordbrush.data.images import to_uint8
from wordbrush.davenet.mining import random_impostors
from wordbrush.editing.units import changed, random_order, replace, shifted, square
from wordbrush.errors import WordbrushError, run_command
from wordbrush.gan.drawings import describable_drawings
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import load_generator
from wordbrush.params import Params
from wordbrush.report.figures import tile
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse
from wordbrush.storage.files import whole_file
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device

RADII = {4: 0, 8: 1, 16: 2}  # cells around the object's middle, by the resolution of the units
SHARES = (0.25, 0.5, 1.0)  # of units, drawn at random
KINDS = ("the same", "gone", *ATTRIBUTES, "several", "doubtful")
COLUMNS = ("operation", "units of", "share", *map(heading, KINDS))
Edit = tuple[str, int, float]  # operation, resolution, share
SHOWN = 16  # drawings in the picture, in its first row
# The edits of the rows below.
ROWS: tuple[Edit, ...] = (
    ("ablate", 8, 0.5),
    ("ablate", 8, 1.0),
    ("transplant", 8, 0.25),
    ("transplant", 8, 1.0),
)
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Drawings:
    """Drawings of one object.

    latents [N, Z]. middles [N, 2]: the object's (y, x) as shares of the picture. objects: as the
    segmenter reads them.
    """

    latents: Tensor
    middles: Tensor
    objects: list[dict]


@app.command(help=__doc__)
def main(
    preset: Annotated[
        str, typer.Argument(help="A folder of results/ in which the first trial is finished.")
    ],
    count: Annotated[
        int, typer.Option(min=2, help="Drawings; those of one object are edited.")
    ] = 2000,
) -> None:
    folder = ROOT / "results" / preset
    params, layout = parameters.load(folder / "methods/0/params.yaml"), Layout(folder / "drawing")
    generator = load_generator(layout.generator, device())
    segmenter = load_segmenter(layout.segmenter, device())
    latents, pictures, _ = describable_drawings(params, layout, count, params.seed)
    read = parse(segmenter, pictures)
    drawings = of_one_object(latents, read, pictures.shape[1])
    before = generator(drawings.latents)
    kept, rows = [to_uint8(before[:SHOWN])], []
    for edit, after in edits(generator, drawings, torch.Generator().manual_seed(params.seed)):
        pictures = to_uint8(after)
        rows.append(
            [
                *named(edit),
                *outcomes(drawings.objects, parse(segmenter, pictures), params),
                percent(float(changed(before, after, params.edits.min_change).float().mean())),
            ]
        )
        kept += [pictures[:SHOWN]] if edit in ROWS else []
    with whole_file(folder / "edits.png") as out:
        Image.fromarray(tile(np.concatenate(kept), len(kept[0]))).save(out, "png", optimize=True)
    text = written(params, len(before), rows, read)
    with whole_file(folder / "edits.md") as out:
        out.write_text(text, encoding="utf-8")
    print(text)


def named(edit: Edit) -> list[str]:
    operation, size, share = edit
    return [operation, f"{size}×{size}", f"{share:g}"]


def outcomes(before: Sequence[dict], after: Sequence[list[dict]], params: Params) -> list[str]:
    """The percentage of edits that had each outcome of KINDS."""
    found = Counter(kind(one, objects, params) for one, objects in zip(before, after, strict=True))
    return [percent(found[one] / len(before)) for one in KINDS]


def written(
    params: Params, edited: int, rows: Sequence[Sequence[str]], read: Sequence[list[dict]]
) -> str:
    """edits.md: the outcomes of each edit of `edited` drawings, and near misses among all read."""
    others = params.davenet.batch_size - 1
    misses = [
        [
            str(objects),
            percent(np.mean([len(one) == objects for one in read])),
            *(f"{others * share:.2f}" for share in near_misses(read, objects).values()),
        ]
        for objects in range(params.scenes.min_objects, params.scenes.max_objects + 1)
    ]
    return (
        "\n\n".join(
            (
                f"The outcome of edits at the middle of the object, in {edited} drawings of one "
                "object: percent, by what the segmenter reads before and after.",
                table((*COLUMNS, f"differ by {params.edits.min_change:g}"), rows),
                f"Near misses: how many of the {others} other drawings in a batch differ from a "
                "drawing in one attribute of one object and in nothing else, by the number of "
                f"objects (in {len(read)} drawings).",
                table(("objects", "percent of drawings", *map(heading, ATTRIBUTES)), misses),
            )
        )
        + "\n"
    )


def of_one_object(latents: np.ndarray, read: Sequence[list[dict]], side: int) -> Drawings:
    """The drawings, `side` pixels wide, in which the segmenter found exactly one object.

    Raises WordbrushError where there are fewer than two.
    """
    chosen = [number for number, objects in enumerate(read) if len(objects) == 1]
    if len(chosen) < 2:
        raise WordbrushError(
            f"{len(chosen)} of {len(read)} drawings show one object alone, and 2 are needed: raise "
            "--count."
        )
    objects = [read[number][0] for number in chosen]
    middles = torch.tensor([[one["y"], one["x"]] for one in objects]) / side
    return Drawings(torch.from_numpy(latents[chosen]).to(device()), middles.to(device()), objects)


def edits(
    generator: Generator, drawings: Drawings, rng: torch.Generator
) -> Iterator[tuple[Edit, Tensor]]:
    """Every edit, with the edited drawings [N, 3, H, W]."""
    for size, radius in RADII.items():
        h4 = generator.encode(drawings.latents, size)
        cells = (drawings.middles * size).long().clamp(max=size - 1)
        where, donors = square(cells, radius, size), random_impostors(len(h4), rng).to(h4.device)
        values = {
            "ablate": torch.zeros_like(h4),
            "transplant": shifted(h4[donors], cells - cells[donors]),
        }
        for operation, value in values.items():
            order = random_order(len(h4), h4.shape[1], rng).to(h4.device)
            for share in SHARES:
                yield (
                    (operation, size, share),
                    generator.decode(replace(h4, order < share, where, value)),
                )


def near_misses(drawings: Sequence[list[dict]], objects: int) -> dict[str, float]:
    """For each attribute, the share of other drawings that are a near miss of a drawing.

    Only drawings with this number of objects count. A near miss differs from one in that attribute
    of one object and in nothing else.
    """
    contents = [
        sorted(tuple(one[name] for name in ATTRIBUTES) for one in drawing) for drawing in drawings
    ]
    contents = [content for content in contents if len(content) == objects]
    alike = Counter(map(tuple, contents))
    shares = {}
    for column, name in enumerate(ATTRIBUTES):
        without = [set(without_attribute(content, column)) for content in contents]
        known = Counter(rest for rests in without for rest in rests)
        pairs = sum(
            known[rest] - alike[tuple(content)]
            for content, rests in zip(contents, without, strict=True)
            for rest in rests
        )
        shares[name] = pairs / max(1, len(contents) * (len(drawings) - 1))
    return shares


def without_attribute(content: Sequence[tuple], column: int) -> Iterator[tuple]:
    """A drawing's content with one attribute left blank, of each object in turn."""
    for number, one in enumerate(content):
        blank = (*one[:column], "", *one[column + 1 :])
        yield tuple(sorted([*content[:number], blank, *content[number + 1 :]]))


def kind(before: dict, after: list[dict], params: Params) -> str:
    """The outcome of an edit of an object: one of KINDS."""
    if not after:
        return "gone"
    one = after[0]
    sure = (
        one["confidence"] >= params.segmenter.min_confidence
        and one["certainty"] >= params.evaluation.min_certainty
    )
    if len(after) > 1 or not sure:
        return "doubtful"
    differing = [name for name in ATTRIBUTES if one[name] != before[name]]
    return "several" if len(differing) > 1 else next(iter(differing), "the same")


def percent(share: float) -> str:
    return f"{100 * share:.0f}"


if __name__ == "__main__":
    run_command(app, "experiments.edits")
