"""Pairs of picture and speech in the demo's sizes, on disk as stages write them.

Their content is noise, which takes as long to process.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.manifest import Manifest, read_manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.gan.networks import Generator, GeneratorConfig
from wordbrush.gan.sampling import draw
from wordbrush.params import Params
from wordbrush.storage.files import open_array
from wordbrush.training.compute import device

# Seconds of the demo's captions, of one to three objects, and the shares of captions that are
# shorter (data/features at commit 0dbd59c).
SHARES, SECONDS = (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), (1.2, 1.5, 1.9, 2.7, 4.2, 6.3, 11.5)
DRAWN_AT_ONCE = 64


def make_generator(params: Params) -> Generator:
    """Untrained, of the right size."""
    torch.manual_seed(params.seed)
    generator = Generator(GeneratorConfig.of(params.gan, params.scenes.resolution))
    return generator.to(device(), memory_format=torch.channels_last).eval().requires_grad_(False)


def write_pairs(folder: Path, params: Params, count: int) -> None:
    """Write images.npy, latents.npy and features of `count` samples."""
    rng, hop = np.random.default_rng(params.seed), params.captions.hop_ms / 1000
    latents = rng.standard_normal((count, params.gan.latent_dim), np.float32)
    np.save(folder / "latents.npy", latents)
    np.save(
        folder / "images.npy",
        draw(make_generator(params), torch.from_numpy(latents), DRAWN_AT_ONCE),
    )
    frames = (np.interp(rng.random(count), SHARES, SECONDS) / hop).round().astype(int)
    manifest, languages = Manifest.one_to_one("noise", "en", train=count), params.davenet.languages
    if len(languages) > 1:  # a picture has a caption in each
        told = np.arange(count)
        manifest = replace(
            manifest,
            images=told // len(languages),
            languages=np.array(languages)[told % len(languages)],
        )
    write_features(
        folder / "features",
        [
            rng.random((length, params.captions.bands), np.float32).astype(np.float16)
            for length in frames
        ],
        FeatureConfig.taken_from(params.captions),
        manifest,
    )


def read_pairs(folder: Path) -> Pairs:
    images = open_array(folder / "images.npy", "uint8", (None, None, None, 3))
    speech = FeatureStore(folder / "features")
    return Pairs(images, speech, read_manifest(folder / "features", len(images), len(speech)))
