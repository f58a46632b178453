"""The two branches of DAVEnet (D), as the paper has them or smaller, built from parameters."""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.params import Davenet
from wordbrush.runtime.weights import load_config, load_weights

VGG16 = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))  # a pool between the blocks, none after


class ImageEncoder(nn.Module):
    """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, h, w]; a last 3×3 convolution without nonlinearity (D).

    `vgg16`: the convolutions of VGG16 with batch norm, from scratch, h = H/16. `small`: one convolution a width of
    `image_channels`, a pool after each but the last.
    """

    def __init__(self, davenet: Davenet):
        super().__init__()
        blocks = VGG16 if davenet.image_network == "vgg16" else tuple((width,) for width in davenet.image_channels)
        self.size = davenet.image_size
        layers: list[nn.Module] = []
        inputs = 3
        for number, widths in enumerate(blocks):
            layers += [nn.MaxPool2d(2)] if number else []
            for width in widths:
                layers += [nn.Conv2d(inputs, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
                inputs = width
        layers += [nn.Conv2d(inputs, davenet.embedding, 3, padding=1)]
        # ours: centred features, so that the floor, which every picture has, says little from the start
        layers += [nn.BatchNorm2d(davenet.embedding)] if davenet.audio_norm == "batch" else []
        self.layers = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-1] != self.size:
            images = F.interpolate(images, size=(self.size, self.size), mode="bilinear", antialias=True)
        return self.layers(images.contiguous(memory_format=torch.channels_last))


class AudioEncoder(nn.Module):
    """Log-mel features [N, bands, T] and lengths [N] -> features [N, D, t] and lengths [N].

    D: batch norm on the input; a first layer over all bands of one frame, then convolutions over time, ReLU after each, max-pool
    3/2 where a layer says so. The last layer has D = `embedding` channels and, as the image branch's, no nonlinearity. Padding
    stays 0 in every layer, so it never counts.
    """

    def __init__(self, davenet: Davenet, bands: int):
        super().__init__()
        specs = [(layer.channels, layer.width, layer.pool) for layer in davenet.audio_layers]
        specs[-1] = (davenet.embedding, *specs[-1][1:])
        specs += [(davenet.embedding, specs[-1][1], False)] * davenet.extra_audio_layers
        inputs = [bands, *(channels for channels, _, _ in specs)]
        self.pools = [pool for _, _, pool in specs]
        self.norm = FrameNorm(1)
        self.convs = nn.ModuleList([nn.Conv1d(before, channels, width, padding=width // 2)
                                    for before, (channels, width, _) in zip(inputs, specs, strict=False)])
        self.norms = nn.ModuleList([FrameNorm(channels) if davenet.audio_norm == "batch" else None for channels, _, _ in specs])

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        count, bands, width = features.shape
        valid = valid_frames(lengths, width)[:, None]
        every = valid.expand(count, bands, width).reshape(count, 1, -1)
        x = self.norm(features.reshape(count, 1, -1), every).view(count, bands, width)
        last = len(self.convs) - 1
        for number, (conv, norm, pool) in enumerate(zip(self.convs, self.norms, self.pools, strict=True)):
            x = conv(x).masked_fill(~valid, 0.0)
            x = norm(x, valid) if norm is not None else x
            x = F.relu(x) if number < last else x
            if pool:
                x = F.max_pool1d(x.masked_fill(~valid, -torch.inf), 3, 2, 1)  # a padded 0 would beat negative frames
                lengths = (lengths + 1) // 2
                valid = valid_frames(lengths, x.shape[2])[:, None]
                x = x.masked_fill(~valid, 0.0)
        return x, lengths


class FrameNorm(nn.BatchNorm1d):
    """Batch norm over the frames that count; the others stay 0."""

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """x [N, C, T], 0 where `valid` bool [N, 1, T] is false."""
        mean, variance = self.running_mean, self.running_var
        if self.training:
            count = valid.sum()
            mean = x.sum((0, 2)) / count
            variance = x.square().sum((0, 2)) / count - mean.square()
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(variance, self.momentum)
                self.num_batches_tracked += 1
        scale = self.weight * (variance.clamp(min=0) + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return torch.addcmul(shift[:, None], x, scale[:, None]).masked_fill(~valid, 0.0)


def valid_frames(lengths: Tensor, width: int) -> Tensor:
    """bool [N, width]: the frames before each length."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]


class Encoders(nn.Module):
    """Both branches; the features of either live in one space."""

    def __init__(self, davenet: Davenet, bands: int):
        super().__init__()
        self.image, self.audio = ImageEncoder(davenet), AudioEncoder(davenet, bands)

    def encode_images(self, images: Tensor) -> Tensor:
        return self.image(images)

    def encode_audio(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        return self.audio(features, lengths)


def load_encoders(folder: Path, device: torch.device) -> Encoders:
    """Trained encoders, in evaluation mode."""
    config = load_config(folder, "encoders")
    encoders = Encoders(Davenet.model_validate(config["davenet"]), config["bands"])
    load_weights(folder, "encoders", encoders)
    return encoders.to(device).eval()
