"""A small U-Net that finds the objects of a picture and their attributes (P §6.1 trains one too).

It stands in for a person who describes pictures and judges edits. The training of the encoders
never sees it.
"""

from pathlib import Path
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.configs import Config, Migration, read_config
from wordbrush.storage.weights import load_weights
from wordbrush.training.compute import channels_last
from wordbrush.training.norms import BatchNorm2d

Width = Annotated[int, Field(ge=1, le=1 << 16)]  # channels of a scale
Values = Annotated[tuple[str, ...], Field(min_length=1)]
SIZES = [len(values) for values in ATTRIBUTES.values()]
MAX_OBJECTS = 12  # more than C's ten


def with_attributes(old: dict[str, Any]) -> dict[str, Any]:
    """Format 1 (version 0.1.0) did not name what is read: CLEVR's attributes, in this order."""
    attributes = {
        "shape": ["cube", "sphere", "cylinder"],
        "material": ["rubber", "metal"],
        "color": ["gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow"],
        "size": ["small", "large"],
    }
    return {**old, "attributes": attributes}


class SegmenterConfig(Config):
    """segmenter.json: what a segmenter is built from, and what its outputs mean.

    channels: of each scale, the finest first. attributes: the values of each attribute of an
    object, in the order of the logits.
    """

    migrations: ClassVar[tuple[Migration, ...]] = (with_attributes,)

    channels: Annotated[list[Width], Field(min_length=2, max_length=6)]
    attributes: Annotated[dict[str, Values], Field(min_length=1)]


class Segmenter(nn.Module):
    """Pictures [N, 3, H, W] -> centre [N, H, W], presence [N, H, W] and logits [N, A, H, W].

    A: the values of all attributes.
    """

    def __init__(self, config: SegmenterConfig):
        super().__init__()
        self.config, channels = config, config.channels
        self.down = nn.ModuleList(
            [block(3 if not k else channels[k - 1], width) for k, width in enumerate(channels)]
        )
        self.up = nn.ModuleList(
            [
                block(below + width, width)
                for below, width in zip(channels[1:], channels[:-1], strict=True)
            ]
        )
        values = sum(len(names) for names in config.attributes.values())
        self.head = nn.Conv2d(channels[0], 2 + values, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        skips, x = [], images
        for number, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if number else x)
            skips.append(x)
        for skip, up in zip(reversed(skips[:-1]), reversed(self.up), strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2), skip], 1))
        out = self.head(x)
        return out[:, 0], out[:, 1], out[:, 2:]


def block(inputs: int, outputs: int) -> nn.Sequential:
    layers = [
        part
        for width in (inputs, outputs)
        for part in (
            nn.Conv2d(width, outputs, 3, padding=1, bias=False),
            BatchNorm2d(outputs),
            nn.ReLU(),
        )
    ]
    return nn.Sequential(*layers)


def load_segmenter(folder: Path, where: torch.device) -> Segmenter:
    """The trained segmenter, frozen.

    Raises WordbrushError where a file is missing, damaged, or newer than this version knows.
    """
    network = Segmenter(read_config(folder / "segmenter.json", SegmenterConfig))
    load_weights(folder, "segmenter", network)
    return channels_last(network, where).eval().requires_grad_(False)
