"""random-edits: pretrained encoders -> encoders trained on against random edits at the salient spot (P §5.4).

Where the samples are rendered scenes, the renderer's own edits take their place (P §6.5).
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wordbrush.drawing.editing import least_edit, probabilities, random_order
from wordbrush.drawing.networks import Generator
from wordbrush.drawing.sampling import load_generator
from wordbrush.grounding.encoders import load_encoders
from wordbrush.grounding.training import Batch, Edited, Editor
from wordbrush.params import Params
from wordbrush.runtime.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.runtime.compute import device, to_images
from wordbrush.runtime.files import open_array
from wordbrush.runtime.layout import Layout
from wordbrush.stages.davenet import SalientEditor, read_latents, train_stage


@dataclass(frozen=True)
class TwinEditor:
    """Each sample's rendered twin, uint8 [N, H, W, 3], which differs in one attribute."""

    twins: np.ndarray
    rng: torch.Generator

    def __call__(self, batch: Batch) -> Edited:
        twins = to_images(self.twins[batch.index]).to(batch.images.device)
        return Edited(twins, torch.ones(len(twins), dtype=torch.bool, device=twins.device))


def make_editor(params: Params, layout: Layout, seed: int) -> Editor:
    """Random edits, or the renderer's of rendered samples."""
    if params.samples.source == "renderer":
        size = params.scenes.resolution
        return TwinEditor(open_array(layout.samples / "twins.npy", "uint8", (None, size, size, 3)), torch.Generator())
    return random_editor(load_generator(layout.generator, device()), read_latents(layout), params, seed)


def random_editor(generator: Generator, latents: np.ndarray, params: Params, seed: int) -> Editor:
    """Edits of random units as negatives."""
    rng, shares = torch.Generator().manual_seed(seed), probabilities(params.edits)

    def edit(batch: Batch, h4: Tensor, values: Tensor, _: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        return least_edit(generator, h4, values, batch.images, where, random_order(h4, rng), shares, params.edits.min_change)

    return SalientEditor(generator, latents, params.edits, edit, rng)


def run(params: Params, layout: Layout, mining: str, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    train_stage(params, layout, "random-edits", mining, params.schedule.random_edits, checkpoints,
                lambda _: load_encoders(layout.encoders("pretrain", mining), device()),
                make_editor(params, layout, params.grounding_seed))
