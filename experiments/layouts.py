"""`python -m experiments.layouts MODEL`: what edits of the layout change in drawings.

The model draws pictures of several objects and hears a caption of each. Then two objects exchange
their places or are turned, one moves, or all are mirrored, in several layers of the generator;
objects are drawn at random, or are those that the caption's words point at. The segmenter reads the
pictures before and after. With --output, layouts.md and layouts.png go to that folder. It takes
some fifteen minutes on a core.

    python -m experiments.layouts models/small
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import torch
import typer
from PIL import Image
from torch import Tensor

from experiments.tables import table
from wordbrush.captions.lines import drawing_lines, in_first
from wordbrush.captions.recital import recite
from wordbrush.data.images import to_images, to_uint8
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.negatives import Batch, Edited
from wordbrush.editing.layout_editor import LayoutEditor, drawn_objects, pointed_at
from wordbrush.editing.layouts import Floor
from wordbrush.editing.twins import LAYOUT_LAYERS
from wordbrush.errors import WordbrushError, run_command
from wordbrush.evaluation.edit_success import content_changes, layout_changes, sure_of
from wordbrush.evaluation.interface import needed
from wordbrush.gan.drawings import kept_drawings
from wordbrush.model.model import Model, load_model
from wordbrush.params import LAYOUTS, Params, load
from wordbrush.report.figures import tile
from wordbrush.scenes.facts import Facts
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.parsing import describable, parse
from wordbrush.storage.files import whole_file
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.paths import given_path
from wordbrush.training.compute import device, random_numbers

PLACES = ("random", "targeted")
BATCH, SHOWN = 64, 16  # drawings edited at once; edits in each row of the picture
COLUMNS = ("operation", "layer", "objects", "used", "kept", "success", "still true", "told")
ModelArgument = Annotated[Path, typer.Argument(help="An exported model.", parser=given_path)]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True)
class Drawings:
    """N drawings of several objects, each with a caption.

    latents float32 [N, Z]. pictures uint8 [N, H, W, 3]. parsed: the objects. facts: what each
    caption tells. seen, heard: what the model makes of pictures and captions.
    """

    latents: np.ndarray
    pictures: np.ndarray
    parsed: list[list[dict]]
    facts: list[Facts]
    seen: Encoded
    heard: Encoded

    def batches(self) -> Iterator[Batch]:
        for rows in torch.arange(len(self.latents)).split(BATCH):
            images = to_images(self.pictures[rows.numpy()]).to(device())
            seen, heard = (one[rows].to(device()) for one in (self.seen, self.heard))
            yield Batch(rows.numpy(), images, seen, heard)


@app.command(help=__doc__)
def main(
    model: ModelArgument,
    count: Annotated[int, typer.Option(min=8, help="Drawings, of several objects each.")] = 400,
    seed: Annotated[int, typer.Option(help="Of drawings and edits.")] = 1,
    output: Annotated[Path | None, typer.Option(help="A folder.", parser=given_path)] = None,
) -> None:
    params = load(model / PARAMS).model_copy(update={"seed": seed})
    listener = load_model(model)
    require_layouts(params, listener)
    drawings = described(listener, params, count)
    rows, shown = [], [drawings.pictures[:SHOWN]]
    layers = [size for size in LAYOUT_LAYERS if size <= params.scenes.resolution]
    for operation in LAYOUTS:
        for size in layers:
            floor = Floor.of(listener.drawing, size)
            for places in PLACES:
                editor = editor_of(listener, params, drawings, (operation, size, places), floor)
                edited = edits_of(editor, drawings)
                figures = measured(listener, params, drawings, edited)
                rows.append([operation, f"{size}×{size}", places, *figures])
                print(*rows[-1], flush=True)
                shown += [to_uint8(edited.pictures[:SHOWN])] if places == "targeted" else []
    text = written(rows, count)
    print(text)
    if output:
        with whole_file(output / "layouts.md") as out:
            out.write_text(text, encoding="utf-8")
        with whole_file(output / "layouts.png") as out:
            Image.fromarray(tile(np.concatenate(shown), SHOWN)).save(out, "png", optimize=True)


def described(listener: Model, params: Params, count: int) -> Drawings:
    """Drawings that a person could describe, of two objects or more, and their captions in the
    first language."""
    captions, seed = in_first(params.captions), params.seed
    segmenter, sure = needed(listener.segmenter), params.segmenter.min_confidence

    def keep(pictures: np.ndarray) -> np.ndarray:
        return np.array(
            [
                len(things) > 1 and describable(things, sure, params.samples.min_certainty)
                for things in parse(segmenter, pictures)
            ]
        )

    latents, pictures, _ = kept_drawings(listener.drawing, count, seed, keep)
    parsed = parse(segmenter, pictures)
    lines = drawing_lines(parsed, captions, sure, seed, captions.languages[0])
    with TemporaryDirectory() as folder:
        features = [frames for _, _, frames in recite(lines, captions, "speaking captions")]
        write_features(Path(folder), features, listener.encoders.config.features)
        heard = encode_speech(listener.encoders, FeatureStore(Path(folder)), np.arange(count))
    seen = encode_images(listener.encoders, pictures, np.arange(count))
    # a caption draws its order first (captions.grammar.describe)
    orders = [
        np.random.default_rng([seed, number]).permutation(len(things)).tolist()
        for number, things in enumerate(parsed)
    ]
    facts = [Facts.of(things, order) for things, order in zip(parsed, orders, strict=True)]
    return Drawings(latents, pictures, parsed, facts, seen, heard)


def editor_of(
    listener: Model,
    params: Params,
    drawings: Drawings,
    edit: tuple[str, int, str],
    floor: Floor,
) -> LayoutEditor:
    """Of this operation, layer and choice of places."""
    operation, size, places = edit
    changes = {"operation": operation, "resolution": size, "radius": LAYOUT_LAYERS[size]}
    edits = params.edits.model_copy(update=changes)
    rng = random_numbers(params.seed, device())
    weigh = drawn_objects(rng) if places == "random" else pointed_at
    return LayoutEditor(listener.drawing, drawings.latents, edits, rng, floor, weigh)


@torch.no_grad()
def edits_of(editor: LayoutEditor, drawings: Drawings) -> Edited:
    """Of all drawings."""
    found = [editor(batch) for batch in drawings.batches()]
    return Edited(*(torch.cat([getattr(one, of) for one in found]) for of in ("pictures", "valid")))


def measured(
    listener: Model, params: Params, drawings: Drawings, edited: Edited
) -> tuple[str, ...]:
    """Percent of the edits that training would use; and of these: in which all objects stay, which
    succeed, of which the caption is true still, and which a linear detector tells (chance: 50)."""
    used = edited.valid.cpu().numpy()
    pictures = to_uint8(edited.pictures)
    after = parse(needed(listener.segmenter), pictures)
    how = drawings.parsed, after, params.segmenter.min_confidence, list(ATTRIBUTES)
    kept = ~np.array(content_changes(*how))
    success = np.array(layout_changes(*how))
    seen = [sure_of(things, params.segmenter.min_confidence) for things in after]
    true = np.array([one.true_of(things) for one, things in zip(drawings.facts, seen, strict=True)])
    told = detected(listener, drawings.pictures[used], pictures[used])
    return (percent(used), *(percent(one[used]) for one in (kept, success, true)), told)


def detected(listener: Model, before: np.ndarray, after: np.ndarray) -> str:
    """Percent of held-out pictures, half of them edited, that a linear detector tells by what the
    picture branch makes of them: by its mean and maximum over cells. Both pictures of a pair are on
    one side."""
    pairs = len(before)
    if pairs < 20:
        return "–"
    encode = partial(encode_images, listener.encoders)
    sides = [pooled(encode(one, np.arange(pairs)).features) for one in (before, after)]
    learned, held_out = (torch.cat([one[rows] for one in sides]) for rows in halves(pairs))
    mean, deviation = learned.mean(0), learned.std(0) + 1e-6
    learned, held_out = ((one - mean) / deviation for one in (learned, held_out))
    labels = torch.tensor([-1.0, 1.0]).repeat_interleave(len(learned) // 2)
    # ridge regression, with as much weight on simplicity as there are features
    inner = learned.T @ learned + learned.shape[1] * torch.eye(learned.shape[1])
    guesses = held_out @ torch.linalg.solve(inner, learned.T @ labels)
    truth = torch.tensor([-1.0, 1.0]).repeat_interleave(len(held_out) // 2)
    return percent((guesses * truth > 0).numpy())


def halves(count: int) -> tuple[slice, slice]:
    return slice(None, count // 2), slice(count // 2, None)


def pooled(features: Tensor) -> Tensor:
    """[N, D, h, w] -> [N, 2·D]"""
    cells = features.flatten(2).float()
    return torch.cat([cells.mean(2), cells.amax(2)], 1)


def percent(true: np.ndarray) -> str:
    return f"{100 * true.mean():.0f}" if len(true) else "–"


def written(rows: list[list[str]], count: int) -> str:
    """layouts.md"""
    return (
        f"Edits of the layout of {count} drawings of several objects, in percent. Objects: two at "
        "random, or those that the caption's words point at. Used: edits that are certain, and "
        "change the picture enough; all that follows is of these. Kept: the segmenter reads the "
        "same objects. Success: and a relation differs. Still true: the caption tells the edited "
        "picture, too. Told: edited or not, by a linear detector on the picture branch "
        f"(chance 50).\n\n{table(COLUMNS, rows)}\n"
    )


def require_layouts(params: Params, listener: Model) -> None:
    """Raises WordbrushError where no drawing has two objects, or nobody reads them."""
    if listener.segmenter is None:
        raise WordbrushError("this model has no segmenter: nobody reads who stands where.")
    if params.scenes.max_objects < 2:
        raise WordbrushError("scenes.max_objects is 1: no drawing of this model has a layout.")


if __name__ == "__main__":
    run_command(app, "experiments.layouts")
