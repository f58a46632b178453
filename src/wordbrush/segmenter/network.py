"""The reader of pictures (P §6.1 trains one on CLEVR): a small U-Net that finds objects and their four attributes.

It stands in for a person who describes pictures and judges edits. Training of the grounding never sees it.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import TypedDict

from wordbrush.params import SegmenterChannels
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json
from wordbrush.storage.weights import load_weights
from wordbrush.training.norms import BatchNorm2d

SIZES = [len(values) for values in ATTRIBUTES.values()]
MAX_OBJECTS = 12  # more than C's ten


class Segmenter(nn.Module):
    """Pictures [N, 3, H, W] -> centre [N, H, W], presence [N, H, W] and attribute logits [N, 15, H, W]."""

    def __init__(self, channels: list[int]):
        super().__init__()
        self.down = nn.ModuleList(
            [block(3 if not k else channels[k - 1], width) for k, width in enumerate(channels)]
        )
        self.up = nn.ModuleList(
            [
                block(below + width, width)
                for below, width in zip(channels[1:], channels[:-1], strict=True)
            ]
        )
        self.head = nn.Conv2d(channels[0], 2 + sum(SIZES), 1)

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


class SegmenterFile(TypedDict):
    """segmenter.json"""

    channels: SegmenterChannels


def load_segmenter(folder: Path, where: torch.device) -> Segmenter:
    network = Segmenter(read_json(folder / "segmenter.json", SegmenterFile)["channels"])
    load_weights(folder, "segmenter", network)
    return network.to(where, memory_format=torch.channels_last).eval().requires_grad_(False)
