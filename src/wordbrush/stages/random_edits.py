"""random-edits: pretrained encoders -> encoders trained on against random ablations at the salient spot (P §5.4)."""

import torch
from torch import Tensor

from wordbrush.drawing.editing import random_edit
from wordbrush.drawing.networks import Generator
from wordbrush.drawing.sampling import load_generator
from wordbrush.grounding.encoders import load_encoders
from wordbrush.grounding.training import Batch, Editor
from wordbrush.params import Params
from wordbrush.runtime.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.runtime.compute import device
from wordbrush.runtime.layout import Layout
from wordbrush.stages.davenet import SalientEditor, train_stage


def random_editor(generator: Generator, latents, params: Params, seed: int) -> Editor:
    """Random ablations as negatives."""
    rng = torch.Generator().manual_seed(seed)

    def edit(batch: Batch, h4: Tensor, _: Tensor, where: Tensor) -> tuple[Tensor, Tensor]:
        return random_edit(generator, h4, batch.images, where, params.edits, rng)

    return SalientEditor(generator, latents, params.edits, edit, rng)


def run(params: Params, layout: Layout, mining: str, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    generator = load_generator(layout.generator, device())
    train_stage(params, layout, "random-edits", mining, params.schedule.random_edits, checkpoints,
                lambda _: load_encoders(layout.encoders("pretrain", mining), device()),
                lambda pairs: random_editor(generator, pairs.latents, params, params.grounding_seed))
