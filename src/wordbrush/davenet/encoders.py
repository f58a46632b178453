"""The two branches of DAVEnet (D) or ResDAVEnet (V), as published or smaller.

With several languages the audio branch is one network for each, and all share the picture branch
(Harwath et al., Vision as an Interlingua, ICASSP 2018).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.data.languages import number_of
from wordbrush.davenet.audio import AudioEncoder, make_audio_encoder
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

    audio: of the first language, and of all that have no network of their own. others: of the
    further ones, in the order of `config.languages`. contextual: whether the heads of context
    answer, where there are any.
    """

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config, self.contextual = config, True
        self.image, self.audio = ImageEncoder(config), make_audio_encoder(config)
        self.others = nn.ModuleList([make_audio_encoder(config) for _ in config.languages[1:]])
        if config.context is not None:  # made last: the branches begin as they would without
            self.image.context = ImageContext(config.context, config.embedding)
            for audio in self.audios:
                channels = audio.channels[config.context.audio_layer - 1]
                audio.context = AudioContext(config.context, channels)

    @property
    def audios(self) -> list[AudioEncoder]:
        """All audio networks, by the number of their language."""
        return [self.audio, *(cast(AudioEncoder, other) for other in self.others)]

    def audio_of(self, language: str | None = None) -> AudioEncoder:
        """The network that hears this language; None: the first."""
        return self.audios[number_of(language, self.config.languages)]

    def encode_images(self, images: Tensor) -> Encoded:
        """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, h, w]."""
        return self.seen_in_context(self.image(images))

    def encode_audio(
        self, features: Tensor, lengths: Tensor, language: str | None = None
    ) -> Encoded:
        """Log-mel features [N, bands, T] and lengths [N] -> features [N, D, t] and lengths [N]."""
        return self.heard_by(self.audio_of(language), features, lengths)

    def encode_in_turn(self, features: Tensor, lengths: Tensor, locked: bool = False) -> Encoded:
        """The same of a batch whose rows are in the first language, the second, and so on, again
        and again, as `data.loader` makes them. locked: the heads of context alone learn."""
        count = len(self.audios)
        heard = [
            self.heard_by(audio, features[turn::count], lengths[turn::count], locked)
            for turn, audio in enumerate(self.audios)
        ]
        return heard[0] if count == 1 else in_turn(heard)

    def heard_by(
        self, audio: AudioEncoder, features: Tensor, lengths: Tensor, locked: bool = False
    ) -> Encoded:
        """What one of the audio networks hears, with its context; `locked` as in encode_in_turn."""
        if locked:
            with torch.no_grad(), running_statistics(audio):
                found = replace(audio(features, lengths), auxiliary_loss=None)
        else:
            found = audio(features, lengths)
        return self.heard_in_context(audio, found)

    def heard_in_context(self, audio: AudioEncoder, heard: Encoded) -> Encoded:
        """Features of speech by one of the audio networks, with their context."""
        return in_float32(with_context(heard, audio.context if self.contextual else None))

    def seen_in_context(self, seen: Encoded) -> Encoded:
        """Features of pictures, with their context."""
        return in_float32(with_context(seen, self.image.context if self.contextual else None))

    def paired_loss(self, seen: Encoded, heard: Encoded) -> Tensor | None:
        """What is added to the loss for how pictures and their utterances are answered together:
        nothing, but by encoders that say more (senses.heads)."""
        return None


def in_turn(parts: Sequence[Encoded]) -> Encoded:
    """Rows of L parts in turn: the first of each, then the second of each. Some parts may lack
    their last row. The auxiliary loss is the mean of theirs."""
    losses = [one.auxiliary_loss for one in parts if one.auxiliary_loss is not None]
    contexts = [one.context for one in parts if one.context is not None]
    return Encoded(
        rows_in_turn([one.features for one in parts]),
        rows_in_turn([one.frame_counts for one in parts]),
        torch.stack(losses).mean() if losses else None,
        context=rows_in_turn(contexts) if contexts else None,
    )


def rows_in_turn(parts: Sequence[Tensor]) -> Tensor:
    """The same of tensors [n, …]."""
    rows = parts[0].new_empty(sum(map(len, parts)), *parts[0].shape[1:])
    for turn, part in enumerate(parts):
        rows[turn :: len(parts)] = part
    return rows


def in_float32(encoded: Encoded) -> Encoded:
    """As losses and maxima need it; autocast may have computed in bfloat16."""
    lower, context = (
        None if one is None else one.float() for one in (encoded.lower, encoded.context)
    )
    return replace(encoded, features=encoded.features.float(), lower=lower, context=context)


def load_encoders(folder: Path, device: torch.device) -> Encoders:
    """Trained encoders, in evaluation mode.

    Raises WordbrushError where a file is missing, damaged, or newer than this version knows.
    """
    encoders = Encoders(read_config(folder / "encoders.json", EncoderConfig))
    load_weights(folder, "encoders", encoders)
    return encoders.to(device).eval()
