"""Pictures and speech of the same samples."""

from dataclasses import dataclass

import numpy as np

from wordbrush.data.speech import FeatureStore
from wordbrush.data.splits import captioned_count, split_ranges
from wordbrush.errors import WordbrushError
from wordbrush.params import Params
from wordbrush.storage.files import open_array, require_counts
from wordbrush.storage.layout import Layout


@dataclass(frozen=True)
class Pairs:
    """Pictures uint8 [N, H, W, 3] and spoken captions of the same samples."""

    images: np.ndarray
    speech: FeatureStore


def read_pairs(params: Params, layout: Layout) -> Pairs:
    """Pictures and speech of all samples."""
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    speech = FeatureStore(layout.features)
    require_counts(
        layout.samples,
        drawings=len(images),
        asked_for=split_ranges(params.samples)["semantic"].stop,
    )
    require_counts(layout.features, captions=len(speech), asked_for=captioned_count(params.samples))
    return Pairs(images, speech)


def read_latents(layout: Layout) -> np.ndarray:
    """What the samples were drawn from [N, Z]. Raises WordbrushError where they were rendered."""
    file = layout.samples / "latents.npy"
    if not file.exists() and (layout.samples / "counterfactuals.npy").exists():
        raise WordbrushError(
            f"{layout.samples} holds rendered scenes (samples.source), and no generator has units that could be "
            "edited there. Of rendered scenes, random-edits takes the renderer's own edits."
        )
    return open_array(file, "float32", (None, None))
