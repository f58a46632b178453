"""Generator and discriminator of Progressive GAN (K: Karras et al. 2018), growing by levels.

A level is a resolution: 0 is 4×4, 1 is 8×8, and so on. `fade` in [0, 1] is the share of the newest
level.
"""

import math
from typing import Annotated, Any, Self, cast

import torch
from pydantic import BaseModel, Field, model_validator
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional as F

from wordbrush.storage.configs import Config
from wordbrush.training.norms import minibatch_stddev

LEAK = 0.2
Fade = float | Tensor  # the share of the newest level; a tensor [] where it may change in a graph
Width = Annotated[int, Field(ge=1, le=1 << 16)]  # channels of a layer


def resolutions(final: int) -> list[int]:
    """The levels up to `final`: 4, 8, 16, …"""
    return [4 * 2**level for level in range(int(math.log2(final)) - 1)]


def fading(level: int, fade: Fade) -> bool:
    """Whether the level below is still to be seen."""
    return level > 0 and (isinstance(fade, Tensor) or fade < 1)


class Equalised(nn.Module):
    """Equalised learning rate (K §4.1): weights are N(0, 1), scaled at run time by gain/√fan_in.

    Biases are not scaled.
    """

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
        padding = self.weight.shape[-1] // 2
        return features(F.conv2d(x, self.weight * self.scale, self.bias, padding=padding))


class DoublingConv(Conv):
    """`Conv` of a picture of twice the size, as one transposed convolution (K: fused_scale).

    It takes four ninths of the products.
    """

    def forward(self, x: Tensor) -> Tensor:
        filters = fold_resampling(self.weight * self.scale)
        weight = filters.flip(2, 3).transpose(0, 1)  # transposed convolutions turn filters round
        return features(F.conv_transpose2d(x, weight, self.bias, stride=2, padding=1))


class HalvingConv(Conv):
    """What `Conv` gives, at half the size, as one strided convolution (K: fused_scale)."""

    def forward(self, x: Tensor) -> Tensor:
        weight = fold_resampling(self.weight * (self.scale / 4))
        return features(F.conv2d(x, weight, self.bias, stride=2, padding=1))


def features(x: Tensor) -> Tensor:
    """What a convolution gives, as the next layer reads it.

    On GPUs it keeps the precision of products (`mixed_precision`): the next convolution would round
    to it anyway, and half as many bytes are read and written in between. On CPUs it is float32.
    """
    return x if x.is_cuda else x.float()


def fold_resampling(weight: Tensor) -> Tensor:
    """3×3 filters, followed or preceded by a resampling by 2, as 4×4 filters: [O, I, 4, 4].

    Each tap sums the four that share a pixel of the doubled (or halved) picture.
    """
    return F.avg_pool2d(weight, 2, stride=1, padding=1, divisor_override=1)


class Dense(Equalised):
    """A fully connected layer."""

    def __init__(self, inputs: int, outputs: int, gain: float = math.sqrt(2)):
        super().__init__((outputs, inputs), inputs, gain)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.scale, self.bias).float()


def pixel_norm(x: Tensor) -> Tensor:
    """Each pixel's feature vector [N, C, …] to unit mean square (K §4.2)."""
    return PixelNorm.apply(x)


class PixelNorm(torch.autograd.Function):
    """Keeps only its output, which the next layer keeps too.

    Autograd's own backward pass reads and writes twice as much.
    """

    @staticmethod
    def forward(context: FunctionCtx, x: Tensor) -> Tensor:
        exact = torch.promote_types(x.dtype, torch.float32)
        norm = torch.linalg.vector_norm(x, dim=1, keepdim=True, dtype=exact)
        scale = (norm.square() / x.shape[1] + 1e-8).rsqrt().to(x.dtype)
        y = x * scale
        context.save_for_backward(y, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> Tensor:
        y, scale = context.saved_tensors
        along = (gradient * y).mean(1, keepdim=True)
        return torch.addcmul(gradient, y, along, value=-1).mul_(scale)


def activate(x: Tensor) -> Tensor:
    """LeakyReLU; overwrites `x`."""
    return F.leaky_relu_(x, LEAK)


def double(x: Tensor) -> Tensor:
    """Nearest neighbours, to twice the size."""
    return F.interpolate(x, scale_factor=2, mode="nearest")


def halve(x: Tensor) -> Tensor:
    """Means, to half the size."""
    return F.avg_pool2d(x, 2)


def convolutions(levels: nn.ModuleList, level: int) -> list[nn.Module]:
    """Those of one level, where a network keeps a list for each."""
    return list(cast(nn.ModuleList, levels[level]))


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

    `encode` stops at h4, the activation of the fourth
    layer, or at the same layer of another level; `decode` is the rest of the generator. h4 is the
    output of the second 8×8 convolution, after its LeakyReLU and before its PixelNorm: G reads a
    layer before the next one's normalisation, and a zeroed unit is then really absent from what the
    norm rescales.
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
        (conv,) = convolutions(self.convs, 0)
        return activate(conv(pixel_norm(activate(x))))

    def grow(self, x: Tensor, level: int) -> Tensor:
        """From features of `level - 1` to those of `level`, both before their last PixelNorm."""
        first, second = convolutions(self.convs, level)
        return activate(second(pixel_norm(activate(first(pixel_norm(x))))))

    def grow_to(self, x: Tensor, size: int) -> Tensor:
        """From the features of any level to those of the level with this size."""
        for level in range(len(resolutions(x.shape[-1])), len(resolutions(size))):
            x = self.grow(x, level)
        return x

    def encode(self, z: Tensor, size: int = 8) -> Tensor:
        """h4 = g_E(z): [N, C, 8, 8] (P §4.1); or another level's features [N, C, size, size]."""
        return self.grow_to(self.trunk(z), size)

    def decode(self, h4: Tensor) -> Tensor:
        """g_D(h4): the pictures, at full size (P §4.1), from the features of any level."""
        x = self.grow_to(h4, self.config.resolution)
        return self.to_rgb[self.top](pixel_norm(x)).float()

    def forward(self, z: Tensor) -> Tensor:
        return self.decode(self.encode(z))

    def at_level(self, z: Tensor, level: int, fade: Fade) -> Tensor:
        """Pictures of a generator grown to `level`, the newest level shown by `fade` (K §2)."""
        x = self.trunk(z)
        for lower in range(1, level):
            x = self.grow(x, lower)
        if level == 0:
            return self.to_rgb[0](pixel_norm(x)).float()
        newest = self.to_rgb[level](pixel_norm(self.grow(x, level))).float()
        if not fading(level, fade):
            return newest
        coarser = double(self.to_rgb[level - 1](pixel_norm(x)).float())
        return torch.lerp(coarser, newest, fade)


class Discriminator(nn.Module):
    """Pictures [N, 3, H, W] -> scores [N].

    The mirror image of the generator, with minibatch statistics at 4×4.
    """

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
        """From the features of `level` to those of `level - 1`."""
        first, second = convolutions(self.convs, level)
        return activate(second(activate(first(x))))

    def forward(self, images: Tensor, level: int, fade: Fade, sets: int = 1) -> Tensor:
        """sets: how many batches `images` holds one after another, each with its own statistics."""
        x = activate(self.from_rgb[level](images))
        if level > 0:
            x = self.shrink(x, level)
            if fading(level, fade):
                coarser = activate(self.from_rgb[level - 1](halve(images)))
                x = torch.lerp(coarser.float(), x.float(), fade)
        for lower in range(level - 1, 0, -1):
            x = self.shrink(x, lower)
        batches = x.float().chunk(sets)
        x = torch.cat([minibatch_stddev(batch, self.stddev_group) for batch in batches])
        (conv,) = convolutions(self.convs, 0)
        x = activate(conv(x))
        return self.score(activate(self.dense(x.flatten(1)))).squeeze(1)
