"""Drawing with a trained generator."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_uint8
from wordbrush.gan.networks import Generator, GeneratorConfig
from wordbrush.storage.configs import read_config
from wordbrush.storage.weights import load_weights
from wordbrush.training.compute import channels_last, device_of, to_device
from wordbrush.training.graphs import Step, repeated
from wordbrush.training.planning import bytes_a_row, rows_at_once

LATENTS = 64  # that are drawn at once


def load_generator(folder: Path, device: torch.device) -> Generator:
    """The trained generator, frozen.

    Raises WordbrushError where a file is missing, damaged, or newer than this version knows.
    """
    generator = Generator(read_config(folder / "generator.json", GeneratorConfig))
    load_weights(folder, "generator", generator)
    return channels_last(generator, device).eval().requires_grad_(False)


def drawn_at_once(generator: Generator, usual: int) -> int:
    """How many latents of a large set a generator's device draws at once; on CPUs, `usual`."""
    return rows_at_once(usual, lambda: bytes_a_drawing(generator), device_of(generator))


def bytes_a_drawing(generator: Generator) -> int:
    """That drawing a picture takes."""
    config, dim = generator.config, generator.latent_dim
    return bytes_a_row(
        lambda: Generator(config), lambda network, rows: network(torch.empty(rows, dim))
    )


@torch.no_grad()
def draw(generator: Generator, latents: Tensor, batch: int) -> np.ndarray:
    """Pictures uint8 [N, H, W, 3] of latents [N, Z], `batch` at a time."""
    where, step = device_of(generator), repeated(generator)
    return np.concatenate([drawn(step, part, where) for part in latents.split(batch)])


@torch.no_grad()
def drawn(step: Step, latents: Tensor, where: torch.device) -> np.ndarray:
    """Pictures uint8 [N, H, W, 3] that a step on a device makes of latents [N, Z]."""
    return to_uint8(step(to_device(latents, where)))


@torch.no_grad()
def encode(generator: Generator, latents: Tensor, resolution: int, batch: int) -> Tensor:
    """The generator's layer of this resolution, of latents [N, Z]: [N, C, h, w], on the CPU."""
    where, step = device_of(generator), repeated(partial(generator.encode, size=resolution))
    return torch.cat([step(to_device(part, where)).cpu() for part in latents.split(batch)])


def latent_blocks(dim: int, seed: int) -> Iterator[Tensor]:
    """Latents [64, dim] without end.

    PyTorch's random numbers depend on how many are asked for at once. In blocks of one size, latent
    number i depends on the seed and i alone.
    """
    rng = torch.Generator().manual_seed(seed)
    while True:
        yield torch.randn(LATENTS, dim, generator=rng)
