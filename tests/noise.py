"""Pictures and speech of noise, where a training is tested and not what it learns."""

from pathlib import Path

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.params import Params


def noise_pairs(params: Params, folder: Path) -> Pairs:
    """20 pictures with a caption each: 16 to train on, 4 for validation."""
    rng = np.random.default_rng(0)
    frames = [rng.random((40, params.captions.bands)).astype(np.float16) for _ in range(20)]
    write_features(folder / "features", frames, FeatureConfig.taken_from(params.captions))
    images = rng.integers(0, 255, (20, 16, 16, 3), np.uint8)
    manifest = Manifest.one_to_one("noise", "en", train=16, validation=4)
    return Pairs(images, FeatureStore(folder / "features"), manifest)
