"""A ResNet of bottlenecks as the picture branch of ResDAVEnet: ResNet-50, or smaller (V)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.config import ImageStages
from wordbrush.training.norms import BatchNorm2d

EXPANSION = 4  # of the channels at a block's end (He et al. 2016)


class Bottleneck(nn.Module):
    """Convolutions 1×1, 3×3 and 1×1, and a skip, which is a 1×1 one where shapes change."""

    def __init__(self, inputs: int, channels: int, stride: int):
        super().__init__()
        outputs = EXPANSION * channels
        self.layers = nn.Sequential(
            *_normed(inputs, channels, 1),
            nn.ReLU(),
            *_normed(channels, channels, 3, stride),
            nn.ReLU(),
            *_normed(channels, outputs, 1),
        )
        same = stride == 1 and inputs == outputs
        self.skip = nn.Identity() if same else nn.Sequential(*_normed(inputs, outputs, 1, stride))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layers(x) + self.skip(x))


def resnet(stages: ImageStages, embedding: int) -> list[nn.Module]:
    """The layers from pictures [N, 3, H, W] to features [N, D, h, w], the last a 1×1 one."""
    first = stages.channels[0]
    layers: list[nn.Module] = [
        *_normed(3, first, 7 if stages.stem == 4 else 3, stages.stem // 2 or 1)
    ]
    layers += [nn.ReLU(), *([nn.MaxPool2d(3, 2, 1)] if stages.stem == 4 else [])]
    inputs = first
    for number, (channels, blocks) in enumerate(zip(stages.channels, stages.blocks, strict=True)):
        for block in range(blocks):
            layers.append(Bottleneck(inputs, channels, 2 if number and not block else 1))
            inputs = EXPANSION * channels
    return [*layers, nn.Conv2d(inputs, embedding, 1)]


def _normed(inputs: int, channels: int, width: int, stride: int = 1) -> tuple[nn.Module, nn.Module]:
    """A convolution, as He et al. begin, and its norm."""
    conv = nn.Conv2d(inputs, channels, width, stride, width // 2, bias=False)
    with torch.no_grad():
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv, BatchNorm2d(channels)
