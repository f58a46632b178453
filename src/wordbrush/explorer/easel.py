"""The easel: drawings of the model's generator, and what people change in them (P §4, §5.6).

A drawing is a recipe: a place on a walk through latents, and edits of units of the generator's
layer h4, one after another. The page keeps the recipe, and the server nothing.
"""

import base64
from itertools import islice
from math import ceil
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional as F

from wordbrush.concepts.clusters import binarise
from wordbrush.concepts.discovery import cluster_cells, top_pictures
from wordbrush.concepts.store import Picture
from wordbrush.data.images import to_uint8
from wordbrush.editing.dissection import generator_agreement
from wordbrush.editing.units import replace, shifted, square
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.edit_success import content_changes
from wordbrush.gan.networks import Generator
from wordbrush.gan.sampling import LATENTS, encode, latent_blocks
from wordbrush.model import Model
from wordbrush.training.compute import device_of

MOST_DRAWINGS = 128  # latents that the walk passes, and drawings from which edits take values
MOST_EDITS = 12
RADIUS = 1  # cells of h4 around a spot: an object of the demo's drawings covers three by three
SURE = 0.5  # the confidence from which an object of the segmenter is mentioned
ON = 0.05  # the share of cells in which a unit or a concept counts as on
TYPICAL = 64  # cells whose mean is what an inserted unit becomes
BATCH = 16  # drawings at once
LAYER = 8  # the resolution of h4 (P §4.1)


class Edit(BaseModel):
    """One change.

    units: how many of the concept's units, those that agree best with it first. cell: (y, x) of
    h4, around which they change; None: everywhere. Units become 0 (ablate), what they usually are
    where the concept is strongest (insert), or what they are around the spot of another drawing
    at which it is strongest (transplant).
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    concept: Annotated[int, Field(ge=0)]
    operation: Literal["ablate", "insert", "transplant"]
    units: Annotated[int, Field(ge=1)]
    cell: tuple[int, int] | None


class Recipe(BaseModel):
    """position: of the walk; n is latent number n, n + 0.5 lies between it and the next."""

    model_config = ConfigDict(extra="forbid", strict=True)

    position: Annotated[float, Field(ge=0, lt=MOST_DRAWINGS)]
    edits: Annotated[list[Edit], Field(max_length=MOST_EDITS)]


class Easel:
    """Draws recipes.

    seed: of the latents, which are those of `Model.draw`. seen: what `Model.see` gives of its first
    drawings [N, D, h, w]; at least two.
    """

    def __init__(self, model: Model, seed: int, seen: Tensor):
        self.model = model
        self.attributes = list(model.segmenter.config.attributes)
        self.layer = edited_layer(model)
        seen = seen[:MOST_DRAWINGS].cpu()
        blocks = latent_blocks(model.generator.latent_dim, seed)
        latents = torch.cat(list(islice(blocks, ceil(len(seen) / LATENTS))))
        self.latents = latents[: len(seen)]
        self.h4 = encode(model.generator, self.latents, self.layer, BATCH)  # [N, C, h, w]
        self.scale, self.members = model.concepts.scale.cpu(), model.concepts.members.cpu()
        active = cluster_cells(seen, self.scale, self.members)  # [N, h, w, K]
        self.peaks = active.flatten(0, 2).amax(0).clamp(min=1e-6)  # [K]
        best = top_pictures(seen, np.arange(len(seen)), self.scale, self.members, 1)
        self.donors = [one for (one,) in best]
        self.typical = self._typical(active)  # [K, C]
        self.order = self._order(active)

    @property
    def size(self) -> int:
        """Cells of h4 along each axis."""
        return self.h4.shape[-1]

    def _typical(self, active: Tensor) -> Tensor:
        """The mean of each unit of h4 where each concept is strongest: [K, C]."""
        side = [self.size, self.size]
        grid = F.interpolate(active.permute(0, 3, 1, 2), side, mode="nearest")
        strongest = grid.transpose(0, 1).flatten(1).topk(TYPICAL, 1).indices  # [K, TYPICAL]
        return self.h4.permute(0, 2, 3, 1).flatten(0, 2)[strongest].mean(1)

    def _order(self, active: Tensor) -> list[list[int]]:
        """All units by how well they agree with each concept: the model's own list of the best,
        which was measured on more drawings, and then the others."""
        on = binarise(active.flatten(0, 2), ON).view(active.shape).permute(3, 0, 1, 2)
        generator = self.model.generator
        agreement = generator_agreement(generator, self.latents.numpy(), on, self.layer, ON)
        order = agreement.argsort(dim=1, descending=True, stable=True).tolist()
        known = [meaning["gan_units"] for meaning in self.model.meanings]
        return [
            first + [unit for unit in units if unit not in first]
            for first, units in zip(known, order, strict=True)
        ]

    def latent(self, position: float) -> Tensor:
        """[1, Z], on the great circle from one latent to the next, since only directions count.

        Raises WordbrushError for a position beyond the last.
        """
        last = len(self.latents) - 1
        if position > last:
            raise WordbrushError(f"the walk ends at {last}, before {position:g}.")
        number = min(int(position), last - 1)
        here, there = self.latents[number], self.latents[number + 1]
        angle = torch.arccos(torch.cosine_similarity(here, there, dim=0).clamp(-1, 1))
        share = torch.tensor(position - number)
        way = torch.sin((1 - share) * angle) * here + torch.sin(share * angle) * there
        return (way / torch.sin(angle))[None]

    def draw(self, recipe: Recipe) -> dict[str, Any]:
        """The drawing before and after its edits, as the page shows them.

        pictures: uint8 [2, side, side, 3] in base64. read: the objects that the segmenter is sure
        of, in each. changed: whether a description would differ. lights: uint8 [K, cells] in
        base64, where each concept is seen in the edited drawing, beside the strongest anywhere.
        """
        h4 = encode(self.model.generator, self.latent(recipe.position), self.layer, BATCH)
        edited = h4
        for edit in recipe.edits:
            edited = self.edited(edited, edit)
        pictures = decoded(self.model.generator, torch.cat([h4, edited]))
        read = self.model.read(pictures)
        seen = self.model.see(pictures[1:]).cpu()
        active = cluster_cells(seen, self.scale, self.members)[0]  # [h, w, K]
        lights = (active / self.peaks * 255).clamp(max=255).round().to(torch.uint8)
        (changed,) = content_changes(read[:1], read[1:], SURE, self.attributes)
        return {
            "side": self.model.side,
            "pictures": base64.b64encode(pictures.tobytes()).decode(),
            "read": [self._said(one) for one in read],
            "changed": changed,
            "lights": base64.b64encode(lights.flatten(0, 1).T.numpy().tobytes()).decode(),
        }

    def edited(self, h4: Tensor, edit: Edit) -> Tensor:
        """h4 [1, C, h, w] with an edit. Raises WordbrushError for one that cannot be."""
        size, count = self.size, h4.shape[1]
        if edit.concept >= len(self.order) or edit.units > count:
            raise WordbrushError(
                f"there are {len(self.order)} concepts, from 0, and {count} units: choose of these."
            )
        if edit.cell is None and edit.operation != "ablate":
            raise WordbrushError("say where: point at a spot of the drawing first.")
        if edit.cell is not None and not all(0 <= along < size for along in edit.cell):
            raise WordbrushError(f"the spot {edit.cell} lies outside: there are {size}×{size}.")
        units = torch.zeros(1, count, dtype=torch.bool)
        units[0, self.order[edit.concept][: edit.units]] = True
        if edit.cell is None:
            return replace(h4, units, torch.ones(1, size, size, dtype=torch.bool), 0 * h4)
        where = torch.tensor([edit.cell])
        return replace(h4, units, square(where, RADIUS, size), self._values(h4, edit, where))

    def _values(self, h4: Tensor, edit: Edit, where: Tensor) -> Tensor:
        """What edited units become: [1, C, h, w]."""
        if edit.operation == "ablate":
            return torch.zeros_like(h4)
        if edit.operation == "insert":
            return self.typical[edit.concept][None, :, None, None].expand_as(h4)
        donor = self.donors[edit.concept]
        spot = torch.tensor([[int(donor[axis] * self.size) for axis in ("y", "x")]])
        return shifted(self.h4[donor["sample"]][None], where - spot)

    def _said(self, things: list[dict]) -> list[dict]:
        """What a description would mention, and the cell in which it stands."""
        scale = self.size / self.model.side
        return [
            {
                "words": " ".join(_phrase(thing, self.attributes)),
                "cell": [int((thing[axis] + 0.5) * scale) for axis in ("y", "x")],
            }
            for thing in things
            if thing["confidence"] >= SURE
        ]


def _phrase(thing: dict, attributes: list[str]) -> list[str]:
    """A thing in the order of English: its shape, a noun, stands last."""
    return [thing[name] for name in sorted(attributes, reverse=True, key=_place)]


def _place(attribute: str) -> int:
    known = ("shape", "material", "color", "size")
    return known.index(attribute) if attribute in known else len(known)


def edited_layer(model: Model) -> int:
    """The resolution of the layer whose units the concepts name: h4, if it has as many units."""
    channels, units = model.generator.config.channels, model.concepts.units.shape[1]
    fitting = [size for size, count in channels.items() if count == units]
    return min(fitting, key=lambda size: abs(size - LAYER))


@torch.no_grad()
def decoded(generator: Generator, h4: Tensor) -> np.ndarray:
    """The pictures uint8 [N, H, W, 3]."""
    where = device_of(generator)
    return np.concatenate([to_uint8(generator.decode(part.to(where))) for part in h4.split(BATCH)])


def examples(features: Tensor, model: Model, count: int) -> list[list[Picture]]:
    """For each concept the pictures of a gallery [N, D, h, w] in which it is strongest."""
    scale, members = model.concepts.scale.cpu(), model.concepts.members.cpu()
    return top_pictures(features, np.arange(len(features)), scale, members, count)
