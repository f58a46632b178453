"""A second head of each branch, which knows what stands around a place (ours).

A word is heard in half a second and seen in a few cells. "Left of it a red cube" is not: its places
need what was said seconds before, and what stands beside the cube. The head reads features of the
branch, convolves them over ever wider windows (van den Oord et al. 2016), and gives every cell and
frame a second vector. Scores add the products of both heads, as if it were one longer vector
(encoded.compared). What words and their localisation need is left as it is: the head learns alone,
when both branches are finished.

A word said alone has nothing around it, and is left to the branch (`least_frames`): what the head
would add can only be wrong.

Of speech it reads a layer below the last (`audio_layer`). The last keeps what told pictures apart
in training; of a word such as "left", which did not, it keeps little (docs/relations.md).
"""

from dataclasses import replace
from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.config import ContextConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.frames import PaddedFrames
from wordbrush.training.compute import channels_last
from wordbrush.training.norms import BatchNorm1d, BatchNorm2d

IMAGE_WIDTH = 3


class AudioContext(nn.Module):
    """Speech -> context [N, C, t], of what its branch left in `lower`; padding changes nothing.

    layer: of the branch, from 1, which has `inputs` channels. least: utterances with fewer frames
    get zeros.
    """

    def __init__(self, config: ContextConfig, inputs: int):
        super().__init__()
        self.layer, self.least = config.audio_layer, config.least_frames
        channels, width = config.channels, config.audio_width
        self.first = nn.Conv2d(inputs, channels, 1)
        self.convs = channels_last(
            nn.ModuleList(
                [
                    nn.Conv2d(
                        channels,
                        channels,
                        (1, width),
                        padding=(0, dilation * (width // 2)),
                        dilation=(1, dilation),
                        bias=False,
                    )
                    for dilation in dilations(config.audio_blocks)
                ]
            )
        )
        self.norms = nn.ModuleList([BatchNorm1d(channels) for _ in self.convs])
        self.last, self.last_norm = (
            nn.Conv2d(channels, config.embedding, 1),
            BatchNorm1d(config.embedding),
        )

    def forward(self, heard: Encoded) -> Tensor:
        assert heard.lower is not None, "the branch keeps it, since it has this head"
        frames = PaddedFrames(heard.frame_counts, heard.lower.shape[2])
        x = frames.convolve(self.first, heard.lower.transpose(1, 2).flatten(0, 1))
        for conv, norm in zip(self.convs, self.norms, strict=True):
            found = frames.normalise(norm, frames.convolve(cast(nn.Conv2d, conv), x))
            x = x + F.relu(found)
        x = frames.normalise(self.last_norm, frames.convolve(self.last, x))
        found = frames.spread(x, heard.frame_counts, frames.width).transpose(1, 2)
        return found * (heard.frame_counts >= self.least)[:, None, None]


class ImageContext(nn.Module):
    """Features of pictures [N, D, h, w] -> context [N, C, h, w]."""

    def __init__(self, config: ContextConfig, inputs: int):
        super().__init__()
        channels = config.channels
        self.first = nn.Conv2d(inputs, channels, 1)
        self.blocks = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Conv2d(
                        channels,
                        channels,
                        IMAGE_WIDTH,
                        padding=dilation * (IMAGE_WIDTH // 2),
                        dilation=dilation,
                        bias=False,
                    ),
                    BatchNorm2d(channels),
                    nn.ReLU(),
                )
                for dilation in dilations(config.image_blocks)
            ]
        )
        self.last = nn.Sequential(
            nn.Conv2d(channels, config.embedding, 1), BatchNorm2d(config.embedding)
        )

    def forward(self, seen: Encoded) -> Tensor:
        x = self.first(seen.features)
        for block in self.blocks:
            x = x + block(x)
        return cast(Tensor, self.last(x))


def dilations(blocks: int) -> list[int]:
    """Of each block: it reaches twice as far as the one before."""
    return [2**number for number in range(blocks)]


def with_context(found: Encoded, head: nn.Module | None) -> Encoded:
    """What a branch has found, and what its head makes of that."""
    return replace(found, lower=None, context=None if head is None else head(found))
