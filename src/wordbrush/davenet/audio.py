"""The audio branch: DAVEnet's (D) and ResDAVEnet's (V), with a codebook behind any of their layers.

Padding changes nothing: only the frames that count are normalised and read (davenet/frames.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.config import AudioStages, EncoderConfig
from wordbrush.davenet.context import AudioContext
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.frames import Frames, arrange
from wordbrush.davenet.quantiser import Quantised, Quantiser
from wordbrush.davenet.running_norm import RunningNorm
from wordbrush.training.compute import channels_last
from wordbrush.training.norms import BatchNorm1d, InputNorm


@dataclass(frozen=True)
class Window:
    """What a convolution or a pool sees: so many frames of its input, at every one or every second.

    channels: of its output, which training keeps; 0 of a pool, which keeps none.
    """

    width: int
    channels: int
    halves: bool = False


@dataclass(frozen=True)
class Layer:
    """What a layer makes of a batch: x [F, C], and where its codebook is on, what that makes."""

    frames: Frames
    x: Tensor
    quantised: Quantised | None

    @property
    def output(self) -> Tensor:
        """What the next layer is given."""
        return self.x if self.quantised is None else self.quantised.vectors


@dataclass(frozen=True)
class Heard:
    """A layer's answer to N utterances, 0 behind their lengths.

    vectors [N, t, C]: before its codebook. stride: from one frame to the next, in frames of the
    features. codes: int64 [N, t], and their vectors, `quantised` [N, t, C]; None without codebook.
    """

    number: int
    stride: int
    lengths: Tensor
    vectors: Tensor
    codes: Tensor | None = None
    quantised: Tensor | None = None

    def to(self, device: torch.device | str) -> "Heard":
        lengths, vectors = self.lengths.to(device), self.vectors.to(device)
        codes, quantised = (
            None if one is None else one.to(device) for one in (self.codes, self.quantised)
        )
        return Heard(self.number, self.stride, lengths, vectors, codes, quantised)


class AudioEncoder(nn.Module, ABC):
    """Log-mel features [N, bands, T] and lengths [N] -> features [N, D, t] and lengths [N].

    Features that are not normalised yet are, over a running window (ours). Batch norm on the input,
    then `layer` after `layer`, which a network defines.

    channels: of each layer. stride: of an output frame, in frames of the features. reach: how many
    of these an output depends on before and behind its place.
    """

    def __init__(self, config: EncoderConfig, layers: Sequence[Sequence[Window]]):
        super().__init__()
        running = config.running_frames
        self.running_norm = None if running is None else RunningNorm(*running)
        self.norm = InputNorm(1)
        self.context: AudioContext | None = None
        self.embedding = config.embedding
        self.windows = [window for layer in layers for window in layer]
        halvings = [1 + int(window.halves) for window in self.windows]
        self.steps = np.cumprod([1, *halvings]).tolist()  # the stride before each window
        self.channels = [layer[0].channels for layer in layers]
        self.strides = np.cumprod(
            [np.prod([1 + int(one.halves) for one in layer]) for layer in layers]
        ).tolist()
        reached = [
            step * (window.width // 2)
            for step, window in zip(self.steps, self.windows, strict=False)
        ]
        self.stride, self.gap, self.reach = self.steps[-1], max(reached), sum(reached)
        self.quantisers = nn.ModuleDict(
            {
                str(one.layer): Quantiser(self.channels[one.layer - 1], one)
                for one in config.quantisers
            }
        )

    @abstractmethod
    def layer(self, number: int, frames: Frames, x: Tensor) -> tuple[Frames, Tensor]:
        """The layer with this number, from 1."""

    @property
    def channels_a_frame(self) -> float:
        """How many numbers a frame of the features becomes: of all convolutions, and of its
        distances to the codes."""
        strides = zip(self.steps, self.windows, strict=False)
        channels = sum(window.channels / (step * (1 + window.halves)) for step, window in strides)
        codes = sum(
            len(cast(Quantiser, quantiser).mass) / self.strides[int(name) - 1]
            for name, quantiser in self.quantisers.items()
        )
        return channels + codes

    def forward(self, features: Tensor, lengths: Tensor) -> Encoded:
        return self.encode_normalised(self.normalised(features, lengths), lengths)

    def normalised(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Features over whose running window nothing has been normalised before."""
        if self.running_norm is None:
            return features
        return self.running_norm(features, lengths)

    def encode_normalised(self, features: Tensor, lengths: Tensor) -> Encoded:
        """The same of features that `running_norm` has answered, as a stream of speech has them."""
        losses, lower, width = [], None, features.shape[2]
        for number, layer in enumerate(self.layers(features, lengths), start=1):
            if layer.quantised is not None and layer.quantised.loss is not None:
                losses.append(layer.quantised.loss)
            if self.context is not None and number == self.context.layer:
                lower = self.in_last_frames(number, layer, lengths, width)
        found = self.in_last_frames(number, layer, lengths, width)
        loss = torch.stack(losses).sum() if losses else None
        return Encoded(found, -(-lengths // self.stride), loss, lower)

    def in_last_frames(self, number: int, layer: Layer, lengths: Tensor, width: int) -> Tensor:
        """What a layer answers to features of these lengths [N], as wide as `width`: [N, C, t], the
        means over the frames of the last layer."""
        stride = self.strides[number - 1]
        shorter = -(-lengths // stride)
        found = layer.frames.spread(layer.output, shorter, -(-width // stride))
        return mean_over(found.transpose(1, 2), shorter, self.stride // stride)

    def layers(self, features: Tensor, lengths: Tensor) -> Iterator[Layer]:
        """What every layer makes of normalised features, in order."""
        frames: Frames = arrange(lengths, features.shape[2], self.gap, self.stride)
        x = frames.normalise(self.norm, frames.take(features.transpose(1, 2), lengths))
        for number in range(1, len(self.strides) + 1):
            frames, x = self.layer(number, frames, x)
            found = Layer(frames, x, self._quantised(number, frames, x))
            yield found
            x = found.output

    def _quantised(self, number: int, frames: Frames, x: Tensor) -> Quantised | None:
        name = str(number)
        if name not in self.quantisers:
            return None
        quantiser = cast(Quantiser, self.quantisers[name])
        return frames.quantise(quantiser, x) if quantiser.on else None

    def quantise(self, numbers: Sequence[int]) -> None:
        """From now on, quantise behind the layers with these numbers, and behind no others."""
        for name, quantiser in self.quantisers.items():
            cast(Quantiser, quantiser).on = int(name) in numbers

    def hear(self, features: Tensor, lengths: Tensor) -> Iterator[Heard]:
        """What every layer answers to these features, which nothing has normalised yet."""
        normalised = self.normalised(features, lengths)
        for number, layer in enumerate(self.layers(normalised, lengths), start=1):
            stride = self.strides[number - 1]
            shorter, width = -(-lengths // stride), -(-features.shape[2] // stride)
            spread = partial(layer.frames.spread, lengths=shorter, width=width)
            vectors = spread(layer.x.float())
            if layer.quantised is None:
                yield Heard(number, stride, shorter, vectors)
            else:
                codes = spread(layer.quantised.codes[:, None])[:, :, 0]
                quantised = spread(layer.quantised.vectors.float())
                yield Heard(number, stride, shorter, vectors, codes, quantised)


def mean_over(x: Tensor, lengths: Tensor, frames: int) -> Tensor:
    """Means over so many frames each: [N, C, t], 0 behind the lengths [N] -> [N, C, t / frames]."""
    if frames == 1:
        return x
    sums = F.pad(x, (0, -x.shape[2] % frames)).unflatten(2, (-1, frames)).sum(3)
    begins = frames * torch.arange(sums.shape[2], device=x.device)
    return sums / (lengths[:, None] - begins).clamp(1, frames)[:, None]


class Davenet(AudioEncoder):
    """A first layer over all bands of one frame, then convolutions over time, ReLU after each,
    max-pool 3/2 where a layer says so (D). The last layer has D = `embedding` channels and, as the
    image branch's, no nonlinearity.
    """

    def __init__(self, config: EncoderConfig):
        specs = [(layer.channels, layer.width, layer.pool) for layer in config.audio_layers]
        specs[-1] = (config.embedding, *specs[-1][1:])
        specs += [(config.embedding, specs[-1][1], False)] * config.extra_audio_layers
        inputs = [config.bands, *(channels for channels, _, _ in specs)]
        pool = Window(3, 0, halves=True)
        super().__init__(
            config,
            [
                [Window(width, channels), *([pool] if pooled else [])]
                for channels, width, pooled in specs
            ],
        )
        self.pools = [pooled for _, _, pooled in specs]
        convs = [
            nn.Conv2d(before, channels, (1, width), padding=(0, width // 2))
            for before, (channels, width, _) in zip(inputs, specs, strict=False)
        ]
        self.convs = channels_last(nn.ModuleList(convs))
        batch = config.audio_norm == "batch"
        self.norms = nn.ModuleList(
            [BatchNorm1d(channels) if batch else nn.Identity() for channels, _, _ in specs]
        )

    def layer(self, number: int, frames: Frames, x: Tensor) -> tuple[Frames, Tensor]:
        conv, norm = cast(nn.Conv2d, self.convs[number - 1]), self.norms[number - 1]
        x = frames.normalise(norm, frames.convolve(conv, x))
        if self.pools[number - 1]:  # before the ReLU: the same values, and half of the work
            frames, x = frames.max_pool(x)
        return frames, F.relu(x) if number < len(self.convs) else x


class ResidualBlock(nn.Module):
    """Two convolutions over time, and a skip; where it `halves`, the first takes every second frame
    and the skip has a convolution of width 1."""

    def __init__(self, inputs: int, channels: int, width: int, halves: bool):
        super().__init__()
        self.first = _conv(inputs, channels, width, 2 if halves else 1)
        self.first_norm = BatchNorm1d(channels)
        self.second = _conv(channels, channels, width)
        self.second_norm = BatchNorm1d(channels)
        self.skip = _conv(inputs, channels, 1) if halves else None
        self.skip_norm = BatchNorm1d(channels) if halves else None

    def forward(self, frames: Frames, x: Tensor) -> tuple[Frames, Tensor]:
        where: Frames = frames.halved if self.skip is not None else frames
        found = where.normalise(self.first_norm, frames.convolve(self.first, x))
        found = where.normalise(self.second_norm, where.convolve(self.second, F.relu(found)))
        if self.skip is not None and self.skip_norm is not None:
            skipped = where.convolve(self.skip, frames.every_second(x))
            x = where.normalise(self.skip_norm, skipped)
        return where, F.relu(found + x)


class Resdavenet(AudioEncoder):
    """A first layer over all bands of one frame, then stages of residual blocks, each at half the
    frames of the one before (V). The last stage has D = `embedding` channels.

    With audio_norm: batch the output is normalised, too (ours).
    """

    def __init__(self, config: EncoderConfig):
        stages = cast(AudioStages, config.audio_stages)
        widths = [*stages.channels, config.embedding]
        windows = [_windows(stages, channels) for channels in widths[1:]]
        super().__init__(config, [[Window(1, widths[0])], *windows])
        self.first, self.first_norm = _conv(config.bands, widths[0], 1), BatchNorm1d(widths[0])
        self.stages = nn.ModuleList(
            [
                nn.ModuleList(
                    [
                        ResidualBlock(
                            channels if block else before, channels, stages.width, not block
                        )
                        for block in range(stages.blocks)
                    ]
                )
                for before, channels in zip(widths, widths[1:], strict=False)
            ]
        )
        batch = config.audio_norm == "batch"
        self.output_norm = BatchNorm1d(config.embedding) if batch else nn.Identity()

    def layer(self, number: int, frames: Frames, x: Tensor) -> tuple[Frames, Tensor]:
        if number == 1:
            found = frames.normalise(self.first_norm, frames.convolve(self.first, x))
            return frames, F.relu(found)
        for block in cast(nn.ModuleList, self.stages[number - 2]):
            frames, x = block(frames, x)
        if number == len(self.strides):
            x = frames.normalise(self.output_norm, x)
        return frames, x


def _windows(stages: AudioStages, channels: int) -> list[Window]:
    """Of a stage."""
    plain = Window(stages.width, channels)
    return [Window(stages.width, channels, halves=True), *[plain] * (2 * stages.blocks - 1)]


def _conv(inputs: int, channels: int, width: int, stride: int = 1) -> nn.Conv2d:
    """Over time, without bias, as He et al. begin (fan-out)."""
    conv = nn.Conv2d(inputs, channels, (1, width), (1, stride), padding=(0, width // 2), bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return channels_last(conv)


def make_audio_encoder(config: EncoderConfig) -> AudioEncoder:
    """The network that a configuration names, with new weights."""
    return Resdavenet(config) if config.audio_network == "resdavenet" else Davenet(config)
