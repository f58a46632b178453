"""Pictures and the captions that tell of them, as training and evaluation read them."""

from dataclasses import dataclass, replace

import numpy as np

from wordbrush.data.manifest import Manifest, read_manifest
from wordbrush.data.speech import FeatureStore
from wordbrush.data.twins import TwinPairs
from wordbrush.data.views import WidePictures, read_wide
from wordbrush.errors import WordbrushError
from wordbrush.params import Params
from wordbrush.storage.files import open_array
from wordbrush.storage.layout import Layout


@dataclass(frozen=True)
class Pairs:
    """Pictures uint8 [N, H, W, 3], features of M captions, and which caption tells of which.

    wide: what is kept around the pictures; None where they are all there is. twins: what stands
    beside some of the pictures in training; None where nothing does. A twin's number as a picture
    comes after those of all pictures.
    """

    images: np.ndarray
    speech: FeatureStore
    manifest: Manifest
    wide: WidePictures | None = None
    twins: TwinPairs | None = None

    @property
    def uncaptioned(self) -> np.ndarray:
        """The numbers of the pictures that no caption tells of: int64, ascending."""
        return np.setdiff1d(np.arange(len(self.images)), self.manifest.images)


def read_pairs(layout: Layout) -> Pairs:
    """Raises WordbrushError where a part is missing, damaged, or does not fit the others."""
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    speech = FeatureStore(layout.features)
    manifest = read_manifest(layout.features, len(images), len(speech))
    return Pairs(images, speech, manifest, read_wide(layout.samples, images))


def read_trained(params: Params, layout: Layout) -> Pairs:
    """The pairs as training takes them: shuffled, if they shall be."""
    pairs = read_pairs(layout)
    if not params.pairs.shuffle:
        return pairs
    return replace(pairs, manifest=pairs.manifest.shuffled(params.seed))


def read_latents(layout: Layout, found: bool = False) -> np.ndarray:
    """What the pictures are drawn from [N, Z]. Raises WordbrushError where they were rendered.

    found: whether they are a collection's, so that the latents are those that find-latents found.
    """
    if found:
        return open_array(layout.latents / "latents.npy", "float32", (None, None))
    file = layout.samples / "latents.npy"
    if not file.exists() and (layout.samples / "counterfactuals.npy").exists():
        raise WordbrushError(
            f"{layout.samples} holds rendered scenes (samples.source), and no generator has units "
            "that could be edited there. Of rendered scenes, random-edits takes the renderer's "
            "own edits."
        )
    return open_array(file, "float32", (None, None))
