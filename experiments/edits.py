"""`python -m experiments.edits PRESET`: what edits make of drawings of one object.

Also, how often a batch of drawings holds such a near miss by itself. Results go to
results/PRESET/edits.md and edits.png.

It draws with results/PRESET/drawing, and the segmenter there reads every drawing before and after.
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
from experiments.tables import table
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
COLUMNS = ("operation", "units of", "share", *KINDS)
Edit = tuple[str, int, float]  # operation, resolution, share
SHOWN = 16  # drawings of the picture
ROWS: tuple[Edit, ...] = (
    ("ablate", 8, 0.5),
    ("ablate", 8, 1.0),
    ("transplant", 8, 0.25),
    ("transplant", 8, 1.0),
)  # below them
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Drawings:
    """Drawings of one object: their latents [N, Z], the object's middle (y, x) as shares of the
    picture [N, 2], and what it is."""

    latents: Tensor
    middles: Tensor
    objects: list[dict]


@app.command(help=__doc__)
def main(
    preset: Annotated[str, typer.Argument(help="Of results/, where the first trial is done.")],
    count: Annotated[
        int, typer.Option(min=2, help="Drawings; those of one object are edited.")
    ] = 2000,
) -> None:
    folder = ROOT / "results" / preset
    params, layout = parameters.load(folder / "methods/0/params.yaml"), Layout(folder / "drawing")
    generator, segmenter = (
        load_generator(layout.generator, device()),
        load_segmenter(layout.segmenter, device()),
    )
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
    """How many edits, in percent, made each of KINDS."""
    found = Counter(kind(one, objects, params) for one, objects in zip(before, after, strict=True))
    return [percent(found[one] / len(before)) for one in KINDS]


def written(
    params: Params, edited: int, rows: Sequence[Sequence[str]], read: Sequence[list[dict]]
) -> str:
    """edits.md: what became of `edited` drawings, by edit; near misses among all that were read."""
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
                f"What becomes of the object of {edited} drawings, edited at its middle, in "
                "percent, as the segmenter reads it.",
                table((*COLUMNS, f"differ by {params.edits.min_change:g}"), rows),
                f"Of the {others} others in a batch of drawings, so many differ from one in one "
                "attribute of one object alone, by "
                f"the number of its objects (of {len(read)} drawings).",
                table(("objects", "percent of drawings", *ATTRIBUTES), misses),
            )
        )
        + "\n"
    )


def of_one_object(latents: np.ndarray, read: Sequence[list[dict]], side: int) -> Drawings:
    """The drawings in which the segmenter saw one object, of pictures of `side` pixels.

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
    """Every edit, and what becomes of the drawings [N, 3, H, W]."""
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
    """For each attribute, how many of the other drawings are a near miss, as a share.

    A near miss of a drawing with so many objects differs from it in that attribute of one object,
    and in nothing else.
    """
    contents = [
        sorted(tuple(one[name] for name in ATTRIBUTES) for one in drawing) for drawing in drawings
    ]
    contents = [content for content in contents if len(content) == objects]
    alike = Counter(map(tuple, contents))
    shares = {}
    for column, name in enumerate(ATTRIBUTES):
        without = [
            {
                tuple(
                    sorted(
                        [*content[:k], (*one[:column], "", *one[column + 1 :]), *content[k + 1 :]]
                    )
                )
                for k, one in enumerate(content)
            }
            for content in contents
        ]  # it, of each object in turn
        known = Counter(rest for rests in without for rest in rests)
        pairs = sum(
            known[rest] - alike[tuple(content)]
            for content, rests in zip(contents, without, strict=True)
            for rest in rests
        )
        shares[name] = pairs / max(1, len(contents) * (len(drawings) - 1))
    return shares


def kind(before: dict, after: list[dict], params: Params) -> str:
    """One of KINDS: what an edit made of an object."""
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
