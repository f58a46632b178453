"""The two branches of DAVEnet (D), as the paper has them or smaller."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.config import EncoderConfig
from wordbrush.storage.configs import read_config
from wordbrush.storage.weights import load_weights
from wordbrush.training.norms import BatchNorm1d, BatchNorm2d
from wordbrush.training.parallel import moments

Number = TypeVar("Number", int, Tensor)
FEW = 512  # frames come in multiples of this: oneDNN makes its kernels anew for each shape, a tenth of a step where all differ
VGG16 = (
    (64, 64),
    (128, 128),
    (256, 256, 256),
    (512, 512, 512),
    (512, 512, 512),
)  # a pool between the blocks, none after


class ImageEncoder(nn.Module):
    """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, h, w]; a last 3×3 convolution without nonlinearity (D).

    `vgg16`: the convolutions of VGG16 with batch norm, from scratch, h = H/16. `small`: one convolution a width of
    `image_channels`, a pool after each but the last.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        small = tuple((width,) for width in config.image_channels)
        blocks = VGG16 if config.image_network == "vgg16" else small
        self.size = config.image_size
        layers: list[nn.Module] = []
        inputs = 3
        for number, widths in enumerate(blocks):
            for width in widths:
                layers += [
                    nn.Conv2d(inputs, width, 3, padding=1, bias=False),
                    BatchNorm2d(width),
                    nn.ReLU(),
                ]
                inputs = width
            if number < len(blocks) - 1:
                layers.insert(
                    -1, nn.MaxPool2d(2)
                )  # before the ReLU, which leaves it a quarter of the work and the same values
        layers += [nn.Conv2d(inputs, config.embedding, 3, padding=1)]
        # ours: features are centred, so that the floor, which every picture has, matters little
        layers += [BatchNorm2d(config.embedding)] if config.audio_norm == "batch" else []
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-1] != self.size:
            images = F.interpolate(
                images, size=(self.size, self.size), mode="bilinear", antialias=True
            )
        return self.layers(images.contiguous(memory_format=torch.channels_last))


class AudioEncoder(nn.Module):
    """Log-mel features [N, bands, T] and lengths [N] -> features [N, D, t] and lengths [N].

    D: batch norm on the input; a first layer over all bands of one frame, then convolutions over time, ReLU after each, max-pool
    3/2 where a layer says so. The last layer has D = `embedding` channels and, as the image branch's, no nonlinearity. Only the
    frames that count are computed and normalised: padding changes nothing.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        specs = [(layer.channels, layer.width, layer.pool) for layer in config.audio_layers]
        specs[-1] = (config.embedding, *specs[-1][1:])
        specs += [(config.embedding, specs[-1][1], False)] * config.extra_audio_layers
        inputs = [config.bands, *(channels for channels, _, _ in specs)]
        self.pools = [pool for _, _, pool in specs]
        self.norm = InputNorm(1)
        convs = [
            nn.Conv2d(before, channels, (1, width), padding=(0, width // 2))
            for before, (channels, width, _) in zip(inputs, specs, strict=False)
        ]
        self.convs = nn.ModuleList(convs).to(memory_format=torch.channels_last)
        batch = config.audio_norm == "batch"
        self.norms = nn.ModuleList(
            [BatchNorm1d(channels) if batch else nn.Identity() for channels, _, _ in specs]
        )
        strides = np.cumprod([1, *(2 if pool else 1 for pool in self.pools)]).tolist()
        self.stride = strides[-1]
        self.gap = max(
            stride * max(width // 2, int(pool))
            for stride, (_, width, pool) in zip(strides, specs, strict=False)
        )

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        packed = PackedFrames.of(lengths, self.gap, self.stride)
        x = self.norm(features.transpose(1, 2)[valid_frames(lengths, features.shape[2])])
        last = len(self.convs) - 1
        for number, (conv, norm, pool) in enumerate(
            zip(self.convs, self.norms, self.pools, strict=True)
        ):
            x = norm(packed.convolve(conv, x))
            if pool:  # before the ReLU, which leaves it half of the work and the same values
                x = packed.write(x, -torch.inf)  # a 0 beside a negative frame would beat it
                packed = packed.halved()
                x = packed.read(F.max_pool2d(x, (1, 3), (1, 2), (0, 1)))
            x = F.relu(x) if number < last else x
        lengths = -(-lengths // self.stride)
        valid = valid_frames(lengths, -(-features.shape[2] // self.stride))
        return x.new_zeros(*valid.shape, x.shape[1]).masked_scatter(valid[..., None], x).transpose(
            1, 2
        ), lengths


@dataclass(frozen=True)
class PackedFrames:
    """Utterances one after another along one time axis, with gaps that no window of a convolution or pool reaches across.

    Most utterances of a batch are far shorter than its longest: a packed holds half the frames of a padded batch.
    """

    frames: Tensor  # int64 [F]: where on the packed the frames that count lie
    length: int

    @staticmethod
    def of(lengths: Tensor, gap: int, stride: int) -> "PackedFrames":
        """Every utterance starts at a multiple of `stride` (a power of 2), `gap` or more frames behind the last one's end."""
        rooms = rounded_up(lengths + gap, stride)
        starts = rooms.cumsum(0) - rooms
        width = int(lengths.max())
        times = starts[:, None] + torch.arange(width, device=lengths.device)
        return PackedFrames(
            times[valid_frames(lengths, width)], rounded_up(int(rooms.sum()), max(FEW, stride))
        )

    def write(self, x: Tensor, gaps: float) -> Tensor:
        """Frames [F, C] -> [1, C, 1, length], channels last; what does not count is `gaps`."""
        return (
            x.new_full((self.length, x.shape[1]), gaps)
            .index_copy(0, self.frames, x)[None, None]
            .permute(0, 3, 1, 2)
        )

    def read(self, packed: Tensor) -> Tensor:
        """[1, C, 1, length] -> the frames that count, [F, C]"""
        return packed.permute(0, 2, 3, 1).flatten(0, 2).index_select(0, self.frames)

    def convolve(self, conv: nn.Conv2d, x: Tensor) -> Tensor:
        """Frames [F, C] through a convolution over time; one of width 1 sees each frame alone, and needs no packed."""
        if conv.kernel_size == (1, 1):
            padded = F.pad(x, (0, 0, 0, rounded_up(len(x), FEW) - len(x)))
            return F.linear(padded, conv.weight[:, :, 0, 0], conv.bias)[: len(x)]
        return self.read(conv(self.write(x, 0.0)))

    def halved(self) -> "PackedFrames":
        """After a pool of stride 2; an odd utterance's last frame stays."""
        return PackedFrames(self.frames[self.frames % 2 == 0] // 2, self.length // 2)


class InputNorm(nn.BatchNorm1d):
    """Batch norm of all values together, as D's over its one channel. PyTorch's own takes a thread a channel: 30 times slower."""

    def forward(self, x: Tensor) -> Tensor:
        mean, variance = self.running_mean, self.running_var
        if self.training:
            mean, variance = (part.reshape(1) for part in moments(x)[:2])
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance, self.momentum)
                self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        return torch.addcmul(self.bias - mean * scale, x, scale)


def rounded_up(count: Number, piece: int) -> Number:
    """The first multiples of `piece` that are not below `count`."""
    return -(-count // piece) * piece


def valid_frames(lengths: Tensor, width: int) -> Tensor:
    """bool [N, width]: the frames before each length."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


class Encoders(nn.Module):
    """Both branches; the features of either live in one space, and are float32 whatever they were computed in."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.image, self.audio = ImageEncoder(config), AudioEncoder(config)

    def encode_images(self, images: Tensor) -> Tensor:
        return self.image(images).float()

    def encode_audio(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        features, lengths = self.audio(features, lengths)
        return features.float(), lengths


def load_encoders(folder: Path, device: torch.device) -> Encoders:
    """Trained encoders, in evaluation mode.

    Raises WordbrushError where a file is missing, damaged, or newer than this version knows.
    """
    encoders = Encoders(read_config(folder / "encoders.json", EncoderConfig))
    load_weights(folder, "encoders", encoders)
    return encoders.to(device).eval()
