"""The two branches of DAVEnet (D) or ResDAVEnet (V), as published or smaller."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.audio import make_audio_encoder
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.context import AudioContext, ImageContext, with_context
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.resnet import resnet
from wordbrush.storage.configs import read_config
from wordbrush.storage.weights import load_weights
from wordbrush.training.norms import BatchNorm2d, running_statistics

# Channels of the convolutions, by block; a pool between the blocks, none after.
VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


class ImageEncoder(nn.Module):
    """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, h, w].

    `vgg16`: the convolutions of VGG16 with batch norm, from scratch, h = H/16. `small`: one
    convolution a width of `image_channels`, a pool after each but the last. Both end with a 3×3
    convolution without nonlinearity (D). `resnet`: bottlenecks, and a 1×1 convolution (V).
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.size, self.stages = config.image_size, config.image_stages
        if config.image_stages is not None:
            layers = resnet(config.image_stages, config.embedding)
        else:
            small = tuple((width,) for width in config.image_channels)
            layers = plain(VGG16 if config.image_network == "vgg16" else small, config.embedding)
        # ours: centred features; the floor, which every picture has, says little from the start
        layers += [BatchNorm2d(config.embedding)] if config.audio_norm == "batch" else []
        self.layers = nn.Sequential(*layers)
        self.context: ImageContext | None = None

    def forward(self, images: Tensor) -> Encoded:
        if images.shape[-1] != self.size:
            images = F.interpolate(
                images, size=(self.size, self.size), mode="bilinear", antialias=True
            )
        return Encoded(self.layers(images.contiguous(memory_format=torch.channels_last)))


def plain(blocks: Sequence[Sequence[int]], embedding: int) -> list[nn.Module]:
    """Convolutions of these widths by block, and a pool behind each block but the last."""
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
    return [*layers, nn.Conv2d(inputs, embedding, 3, padding=1)]


class Encoders(nn.Module):
    """Both branches. Their features live in one space, and are float32 whatever the precision.

    contextual: whether the heads of context answer, where there are any.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config, self.contextual = config, True
        self.image, self.audio = ImageEncoder(config), make_audio_encoder(config)
        if config.context is not None:  # made last: the branches begin as they would without
            self.image.context = ImageContext(config.context, config.embedding)
            self.audio.context = AudioContext(config.context, config.embedding)

    def encode_images(self, images: Tensor) -> Encoded:
        """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, h, w]."""
        return self.seen_in_context(self.image(images))

    def encode_audio(self, features: Tensor, lengths: Tensor) -> Encoded:
        """Log-mel features [N, bands, T] and lengths [N] -> features [N, D, t] and lengths [N]."""
        return self.heard_in_context(self.audio(features, lengths))

    def encode_audio_locked(self, features: Tensor, lengths: Tensor) -> Encoded:
        """The same, where the head of context alone learns."""
        with torch.no_grad(), running_statistics(self.audio):
            found = self.audio(features, lengths)
        return self.heard_in_context(replace(found, auxiliary_loss=None))

    def seen_in_context(self, seen: Encoded) -> Encoded:
        """Features of pictures, with their context."""
        return in_float32(with_context(seen, self.image.context if self.contextual else None))

    def heard_in_context(self, heard: Encoded) -> Encoded:
        """Features of speech, with their context."""
        return in_float32(with_context(heard, self.audio.context if self.contextual else None))


def in_float32(encoded: Encoded) -> Encoded:
    """As losses and maxima need it; autocast may have computed in bfloat16."""
    context = None if encoded.context is None else encoded.context.float()
    return replace(encoded, features=encoded.features.float(), context=context)


def load_encoders(folder: Path, device: torch.device) -> Encoders:
    """Trained encoders, in evaluation mode.

    Raises WordbrushError where a file is missing, damaged, or newer than this version knows.
    """
    encoders = Encoders(read_config(folder / "encoders.json", EncoderConfig))
    load_weights(folder, "encoders", encoders)
    return encoders.to(device).eval()
