"""Drawing with a trained generator."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from typing_extensions import TypedDict

from wordbrush.data.images import to_uint8
from wordbrush.errors import WordbrushError
from wordbrush.gan.networks import Generator, resolutions
from wordbrush.params import Resolution
from wordbrush.storage.files import read_json
from wordbrush.storage.validation import Count
from wordbrush.storage.weights import load_weights


class GeneratorFile(TypedDict):
    """generator.json: what `load_generator` needs beside the weights."""

    latent_dim: Count
    channels: dict[int, Count]
    resolution: Resolution


def config(generator: Generator, channels: dict[int, int], resolution: int) -> dict:
    return {
        "latent_dim": generator.latent_dim,
        "channels": {str(k): v for k, v in channels.items()},
        "resolution": resolution,
    }


def load_generator(folder: Path, device: torch.device) -> Generator:
    """The trained generator, frozen."""
    stored = read_json(folder / "generator.json", GeneratorFile)
    if not set(resolutions(stored["resolution"])) <= set(stored["channels"]):
        raise WordbrushError(
            f"{folder / 'generator.json'}: channels lack a resolution up to {stored['resolution']}. "
            "Make it again: dvc repro."
        )
    generator = Generator(stored["latent_dim"], stored["channels"], stored["resolution"])
    load_weights(folder, "generator", generator)
    return generator.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def draw(generator: Generator, latents: Tensor, batch: int) -> np.ndarray:
    """Pictures uint8 [N, H, W, 3] of latents [N, Z], `batch` at a time."""
    device = next(generator.parameters()).device
    return np.concatenate([to_uint8(generator(part.to(device))) for part in latents.split(batch)])
