"""Generator and discriminator of Progressive GAN (K: Karras et al. 2018), growing by levels with fades.

A level is a resolution: 0 is 4×4, 1 is 8×8, and so on. `fade` in [0, 1] is the share of the newest level.
"""

import math
from typing import Annotated, Self

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F

from wordbrush.storage.configs import Config
from wordbrush.training.parallel import gather, shard

LEAK = 0.2
Width = Annotated[int, Field(ge=1, le=1 << 16)]  # channels of a layer


def resolutions(final: int) -> list[int]:
    """The levels up to `final`: 4, 8, 16, …"""
    return [4 * 2**level for level in range(int(math.log2(final)) - 1)]


class Equalised(nn.Module):
    """Equalised learning rate (K §4.1): weights are N(0, 1), scaled at run time by gain/√fan_in; biases are not scaled."""

    def __init__(self, shape: tuple[int, ...], fan_in: int, gain: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(shape[0]))
        self.scale = gain / math.sqrt(fan_in)


class Conv(Equalised):
    """A convolution that keeps the size."""

    def __init__(self, inputs: int, outputs: int, width: int, gain: float = math.sqrt(2)):
        super().__init__((outputs, inputs, width, width), inputs * width * width, gain)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(
            x, self.weight * self.scale, self.bias, padding=self.weight.shape[-1] // 2
        ).float()


class DoublingConv(Conv):
    """`Conv` of a picture of twice the size, in one transposed convolution with four ninths of the products (K: fused_scale)."""

    def forward(self, x: Tensor) -> Tensor:
        weight = (
            spread(self.weight * self.scale).flip(2, 3).transpose(0, 1)
        )  # a transposed convolution turns its filters round
        return F.conv_transpose2d(x, weight, self.bias, stride=2, padding=1).float()


class HalvingConv(Conv):
    """A picture of half the size of what `Conv` gives, in one strided convolution (K: fused_scale)."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(
            x, spread(self.weight * (self.scale / 4)), self.bias, stride=2, padding=1
        ).float()


def spread(weight: Tensor) -> Tensor:
    """3×3 filters to the 4×4 ones whose taps each sum the four that a doubled (or halved) picture shares."""
    return F.avg_pool2d(weight, 2, stride=1, padding=1, divisor_override=1)


class Dense(Equalised):
    def __init__(self, inputs: int, outputs: int, gain: float = math.sqrt(2)):
        super().__init__((outputs, inputs), inputs, gain)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias).float()


def pixel_norm(x: Tensor) -> Tensor:
    """Each pixel's feature vector [N, C, …] to unit mean square (K §4.2)."""
    return PixelNorm.apply(x)


class PixelNorm(torch.autograd.Function):
    """Keeps its output alone, which the next layer keeps too; autograd's own backward pass reads and writes twice as much."""

    @staticmethod
    def forward(context: FunctionCtx, x: Tensor) -> Tensor:
        scale = (
            torch.linalg.vector_norm(x, dim=1, keepdim=True).square() / x.shape[1] + 1e-8
        ).rsqrt()
        y = x * scale
        context.save_for_backward(y, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(context: FunctionCtx, gradient: Tensor) -> Tensor:
        y, scale = context.saved_tensors
        along = (gradient * y).mean(1, keepdim=True)
        return torch.addcmul(gradient, y, along, value=-1).mul_(scale)


def activate(x: Tensor) -> Tensor:
    """LeakyReLU, in the place of `x`."""
    return F.leaky_relu_(x, LEAK)


def double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="nearest")


def halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2)


def minibatch_stddev(x: Tensor, group: int) -> Tensor:
    """Append one map with the mean standard deviation over groups of `group` samples (K §3): [N, C, H, W] -> [N, C+1, H, W].

    Samples i, i+N/group, … form a group, as in K. A batch that `group` does not divide uses the largest divisor below it.
    """
    features = gather(x)
    count = len(features)
    group = next(size for size in range(min(group, count), 0, -1) if count % size == 0)
    grouped = features.reshape(group, count // group, *x.shape[1:])
    variance = (
        (grouped - grouped.mean(0)).square().mean(0)
    )  # on CPUs, PyTorch's var takes ten times as long
    deviation = (variance + 1e-8).sqrt().mean((1, 2, 3))
    return torch.cat(
        [x, shard(deviation.repeat(group)).view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])], 1
    )


class GeneratorConfig(Config):
    """generator.json: the numbers that a generator is built from.

    latent_dim: Z. channels: the channels at each resolution. resolution: of the pictures, H = W.
    """

    latent_dim: Width
    channels: dict[int, Width]
    resolution: Annotated[int, Field(ge=4, le=1 << 12)]

    @classmethod
    def of(cls, gan: BaseModel, resolution: int) -> Self:
        """Of a generator with this section of params.yaml, which may go on to finer pictures."""
        config = gan.model_dump(include={"latent_dim", "channels"})
        channels = {size: config["channels"][size] for size in resolutions(resolution)}
        return cls(latent_dim=config["latent_dim"], channels=channels, resolution=resolution)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        levels = resolutions(self.resolution)
        if levels[-1] != self.resolution:
            raise ValueError(f"resolution {self.resolution} is not a power of 2")
        if not set(levels) <= set(self.channels):
            raise ValueError(f"channels lack a resolution up to {self.resolution}")
        return self


class Generator(nn.Module):
    """z [N, Z] -> pictures [N, 3, H, W] in [-1, 1].

    `encode` stops at h4, the fourth layer's activation (second 8×8 convolution,
    after its LeakyReLU and before its PixelNorm: G reads a layer before the next one's normalisation, and a zeroed unit then
    really is absent from what the norm rescales), or at the same place of another level; `decode` is the rest of the generator.
    """

    def __init__(self, config: GeneratorConfig):
        super().__init__()
        self.config = config
        widths = [config.channels[size] for size in resolutions(config.resolution)]
        self.latent_dim, self.top = config.latent_dim, len(widths) - 1
        self.first = Dense(config.latent_dim, widths[0] * 16, gain=math.sqrt(2) / 4)
        self.first_bias_shape = (widths[0], 4, 4)
        self.convs = nn.ModuleList([nn.ModuleList([Conv(widths[0], widths[0], 3)])])
        for before, after in zip(widths, widths[1:], strict=False):
            self.convs.append(
                nn.ModuleList([DoublingConv(before, after, 3), Conv(after, after, 3)])
            )
        self.to_rgb = nn.ModuleList([Conv(width, 3, 1, gain=1.0) for width in widths])

    def trunk(self, z: Tensor) -> Tensor:
        """The 4×4 level: its features [N, C, 4, 4] after the last LeakyReLU, before PixelNorm."""
        x = self.first(pixel_norm(z)).view(-1, *self.first_bias_shape)
        return activate(self.convs[0][0](pixel_norm(activate(x))))

    def grow(self, x: Tensor, level: int) -> Tensor:
        """From the features of `level - 1` to those of `level`, both before their last PixelNorm."""
        first, second = self.convs[level]
        return activate(second(pixel_norm(activate(first(pixel_norm(x))))))

    def encode(self, z: Tensor, size: int = 8) -> Tensor:
        """h4 = g_E(z): [N, C, 8, 8] (P §4.1); or the features of another level, [N, C, size, size]."""
        x = self.trunk(z)
        for level in range(1, len(resolutions(size))):
            x = self.grow(x, level)
        return x

    def decode(self, h4: Tensor) -> Tensor:
        """g_D(h4): the pictures, at full size (P §4.1), from the features of any level."""
        x = h4
        for level in range(len(resolutions(h4.shape[-1])), self.top + 1):
            x = self.grow(x, level)
        return self.to_rgb[self.top](pixel_norm(x))

    def forward(self, z: Tensor) -> Tensor:
        return self.decode(self.encode(z))

    def at_level(self, z: Tensor, level: int, fade: float) -> Tensor:
        """Pictures of a generator that has grown to `level`, of which the newest shows by `fade` (K §2)."""
        x = self.trunk(z)
        for lower in range(1, level):
            x = self.grow(x, lower)
        if level == 0:
            return self.to_rgb[0](pixel_norm(x))
        newest = self.to_rgb[level](pixel_norm(self.grow(x, level)))
        if fade >= 1:
            return newest
        return torch.lerp(double(self.to_rgb[level - 1](pixel_norm(x))), newest, fade)


class Discriminator(nn.Module):
    """Pictures [N, 3, H, W] -> scores [N]; the mirror image of the generator, with minibatch statistics at 4×4."""

    def __init__(self, channels: dict[int, int], resolution: int, stddev_group: int):
        super().__init__()
        widths = [channels[size] for size in resolutions(resolution)]
        self.stddev_group = stddev_group
        self.from_rgb = nn.ModuleList([Conv(3, width, 1) for width in widths])
        self.convs = nn.ModuleList([nn.ModuleList([Conv(widths[0] + 1, widths[0], 3)])])
        for below, width in zip(widths, widths[1:], strict=False):
            self.convs.append(nn.ModuleList([Conv(width, width, 3), HalvingConv(width, below, 3)]))
        self.dense = Dense(widths[0] * 16, widths[0])
        self.score = Dense(widths[0], 1, gain=1.0)

    def shrink(self, x: Tensor, level: int) -> Tensor:
        first, second = self.convs[level]
        return activate(second(activate(first(x))))

    def forward(self, images: Tensor, level: int, fade: float, sets: int = 1) -> Tensor:
        """sets: how many batches of their own `images` holds one after another, each with its own minibatch statistics."""
        x = activate(self.from_rgb[level](images))
        if level > 0:
            x = self.shrink(x, level)
            if fade < 1:
                x = torch.lerp(activate(self.from_rgb[level - 1](halve(images))), x, fade)
        for lower in range(level - 1, 0, -1):
            x = self.shrink(x, lower)
        x = torch.cat([minibatch_stddev(batch, self.stddev_group) for batch in x.chunk(sets)])
        x = activate(self.convs[0][0](x))
        return self.score(activate(self.dense(x.flatten(1)))).squeeze(1)
