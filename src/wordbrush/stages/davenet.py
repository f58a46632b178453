"""What the DAVEnet stages share: reading the pairs, writing encoders and curves, and editing pictures as negatives."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wordbrush.drawing.editing import moved, spot
from wordbrush.drawing.networks import Generator
from wordbrush.grounding.encoders import Encoders
from wordbrush.grounding.losses import random_impostors
from wordbrush.grounding.matchmap import salient
from wordbrush.grounding.training import CURVES, Batch, Edited, Editor, Pairs, require_room, train
from wordbrush.params import Edits, Params, Training
from wordbrush.runtime.checkpoints import Checkpoints
from wordbrush.runtime.compute import precision, set_seed
from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import open_array, require_counts, whole_directory, write_csv
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.metrics import edited
from wordbrush.runtime.parallel import gather, shard, whole
from wordbrush.runtime.processes import is_main
from wordbrush.runtime.splits import captioned_count, split_ranges
from wordbrush.runtime.weights import save_weights
from wordbrush.speech.features import FeatureStore

Edit = Callable[[Batch, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(batch, h4, its new values, salient places on the picture grid, cells to edit) -> edited pictures and whether each differs."""


def read_pairs(params: Params, layout: Layout) -> Pairs:
    """Pictures and speech of all samples."""
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    speech = FeatureStore(layout.features)
    require_counts(layout.samples, drawings=len(images), asked_for=split_ranges(params.samples)["semantic"].stop)
    require_counts(layout.features, captions=len(speech), asked_for=captioned_count(params.samples))
    return Pairs(images, speech)


def read_latents(layout: Layout) -> np.ndarray:
    """What the samples were drawn from [N, Z]. Raises WordbrushError where they were rendered."""
    file = layout.samples / "latents.npy"
    if not file.exists() and (layout.samples / "twins.npy").exists():
        raise WordbrushError(f"{layout.samples} holds rendered scenes (samples.source), and no generator has units that could be "
                             "edited there. Of rendered scenes, random-edits takes the renderer's own edits.")
    return open_array(file, "float32", (None, None))


def train_stage(params: Params, layout: Layout, name: str, mining: str, stage: Training, checkpoints: Checkpoints,
                make_encoders: Callable[[Pairs], Encoders], editor: Editor | None = None) -> None:
    """Train encoders and write them with their curve as stage `name`."""
    pairs = read_pairs(params, layout)
    require_room(params.davenet, pairs.speech, edited=editor is not None)
    set_seed(params.grounding_seed)
    encoders = make_encoders(pairs)
    splits = split_ranges(params.samples)
    with precision(params.precision):
        rows = train(encoders, pairs, splits["train"], splits["validation"], params.davenet, stage, mining,
                     params.grounding_seed, editor, checkpoints)
    if not is_main():
        return
    folder: Path
    with whole_directory(layout.encoders(name, mining)) as folder:
        config = {"davenet": params.davenet.model_dump(), "bands": pairs.speech.bands, "mining": mining, "stage": name}
        save_weights(folder, "encoders", encoders, config)
    write_csv(layout.plots(f"{name}_{mining}"), CURVES, rows)


@dataclass(frozen=True)
class SalientEditor:
    """An editor of batches: draws h4 of each sample anew, finds the salient cell, and lets `edit` change units there (P §5.4).

    Ablation makes them 0. A transplant gives them the values that they have around the salient cell of a donor, another sample of
    the batch.
    """

    generator: Generator
    latents: np.ndarray
    edits: Edits
    edit: Edit
    rng: torch.Generator

    def __call__(self, batch: Batch) -> Edited:
        device = next(self.generator.parameters()).device
        h4 = self.generator.encode(torch.from_numpy(self.latents[batch.index]).to(device), self.edits.resolution)
        places, _ = salient(batch.image_features, batch.audio_features, batch.lengths)
        cells = (2 * places + 1) * h4.shape[-1] // (2 * batch.image_features.shape[-1])   # where the middle of a place lies
        donors, values = None, torch.zeros_like(h4)
        if self.edits.operation == "transplant":
            donors = shard(random_impostors(whole(len(h4)), self.rng)).to(device)
            values = moved(gather(h4)[donors], cells - gather(cells)[donors])
        pictures, differs = self.edit(batch, h4, values, places, spot(cells, self.edits.radius, h4.shape[-1]))
        every = gather(differs)
        edited(len(every), int(every.sum()))
        return Edited(pictures, differs, donors)
