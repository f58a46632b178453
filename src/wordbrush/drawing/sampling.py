"""Drawing with a trained generator."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wordbrush.drawing.networks import Generator
from wordbrush.runtime.compute import to_uint8
from wordbrush.runtime.weights import load_config, load_weights


def config(generator: Generator, channels: dict[int, int], resolution: int) -> dict:
    """What `load_generator` needs beside the weights."""
    return {"latent_dim": generator.latent_dim, "channels": {str(k): v for k, v in channels.items()},
            "resolution": resolution}


def load_generator(folder: Path, device: torch.device) -> Generator:
    """The trained generator, frozen."""
    stored = load_config(folder, "generator")
    channels = {int(size): width for size, width in stored["channels"].items()}
    generator = Generator(stored["latent_dim"], channels, stored["resolution"])
    load_weights(folder, "generator", generator)
    return generator.to(device, memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def draw(generator: Generator, latents: Tensor, batch: int) -> np.ndarray:
    """Pictures uint8 [N, H, W, 3] of latents [N, Z], `batch` at a time."""
    device = next(generator.parameters()).device
    return np.concatenate([to_uint8(generator(part.to(device))) for part in latents.split(batch)])
