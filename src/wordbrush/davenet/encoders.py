"""The two branches of DAVEnet (D), as the paper has them or smaller."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.frames import Frames, arrange
from wordbrush.davenet.running_norm import RunningNorm
from wordbrush.storage.configs import read_config
from wordbrush.storage.weights import load_weights
from wordbrush.training.compute import channels_last
from wordbrush.training.norms import BatchNorm1d, BatchNorm2d, InputNorm

# Channels of the convolutions, by block; a pool between the blocks, none after.
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class ImageEncoder(nn.Module):
    """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, h, w].

    `vgg16`: the convolutions of VGG16 with batch norm, from scratch, h = H/16. `small`: one
    convolution a width of `image_channels`, a pool after each but the last. Both end with a 3×3
    convolution without nonlinearity (D).
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
                # before the ReLU, which gives the same values and leaves it a quarter of the work
                layers.insert(-1, nn.MaxPool2d(2))
        layers += [nn.Conv2d(inputs, config.embedding, 3, padding=1)]
        # ours: centred features; the floor, which every picture has, says little from the start
        layers += [BatchNorm2d(config.embedding)] if config.audio_norm == "batch" else []
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Encoded:
        if images.shape[-1] != self.size:
            images = F.interpolate(
                images, size=(self.size, self.size), mode="bilinear", antialias=True
            )
        return Encoded(self.layers(images.contiguous(memory_format=torch.channels_last)))


class AudioEncoder(nn.Module):
    """Log-mel features [N, bands, T] and lengths [N] -> features [N, D, t] and lengths [N].

    Features that are not normalised yet are, over a running window (ours). Batch norm on the input;
    a first layer over all bands of one frame, then convolutions over time, ReLU after each,
    max-pool 3/2 where a layer says so (D). The last layer has D = `embedding`
    channels and, as the image branch's, no nonlinearity. Only the frames that count are normalised
    and read: padding changes nothing.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        specs = [(layer.channels, layer.width, layer.pool) for layer in config.audio_layers]
        specs[-1] = (config.embedding, *specs[-1][1:])
        specs += [(config.embedding, specs[-1][1], False)] * config.extra_audio_layers
        inputs = [config.bands, *(channels for channels, _, _ in specs)]
        self.pools = [pool for _, _, pool in specs]
        running = config.running_frames
        self.running_norm = None if running is None else RunningNorm(*running)
        self.norm = InputNorm(1)
        convs = [
            nn.Conv2d(before, channels, (1, width), padding=(0, width // 2))
            for before, (channels, width, _) in zip(inputs, specs, strict=False)
        ]
        self.convs = channels_last(nn.ModuleList(convs))
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

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:
        if self.running_norm is not None:
            features = self.running_norm(features, lengths)
        width = features.shape[2]
        frames: Frames = arrange(lengths, width, self.gap, self.stride)
        x = frames.normalise(self.norm, frames.take(features.transpose(1, 2), lengths))
        layers = zip(self.convs, self.norms, self.pools, strict=True)
        for number, (conv, norm, pool) in enumerate(layers, start=1):
            x = frames.normalise(norm, frames.convolve(cast(nn.Conv2d, conv), x))
            if pool:  # before the ReLU, which gives the same values and leaves it half of the work
                frames, x = frames.max_pool(x)
            x = F.relu(x) if number < len(self.convs) else x
        lengths = -(-lengths // self.stride)
        return Encoded(frames.spread(x, lengths, -(-width // self.stride)).transpose(1, 2), lengths)


class Encoders(nn.Module):
    """Both branches. Their features live in one space, and are float32 whatever the precision."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.image, self.audio = ImageEncoder(config), AudioEncoder(config)

    def encode_images(self, images: Tensor) -> Encoded:
        """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, h, w]."""
        return in_float32(self.image(images))

    def encode_audio(self, features: Tensor, lengths: Tensor) -> Encoded:
        """Log-mel features [N, bands, T] and lengths [N] -> features [N, D, t] and lengths [N]."""
        return in_float32(self.audio(features, lengths))


def in_float32(encoded: Encoded) -> Encoded:
    """As losses and maxima need it; autocast may have computed in bfloat16."""
    return replace(encoded, features=encoded.features.float())


def load_encoders(folder: Path, device: torch.device) -> Encoders:
    """Trained encoders, in evaluation mode.

    Raises WordbrushError where a file is missing, damaged, or newer than this version knows.
    """
    encoders = Encoders(read_config(folder / "encoders.json", EncoderConfig))
    load_weights(folder, "encoders", encoders)
    return encoders.to(device).eval()
