"""Convolutions for each of three senses, and the dense layers that they share.

As in Aytar et al., "See, Hear, and Read: Deep Aligned Representations" (2017), at small sizes: the
layers of each sense are convolutional, the shared ones dense; words are embedded by a table that is
learned, and pictures are seen by four small convolutions in place of AlexNet.
"""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from wordbrush.davenet.encoded import valid_frames
from wordbrush.senses.config import Sense, SensesConfig
from wordbrush.senses.sentences import FIRST, PADDING
from wordbrush.storage.configs import read_config
from wordbrush.storage.weights import load_weights
from wordbrush.training.norms import BatchNorm1d, BatchNorm2d


class Senses(nn.Module):
    """Pictures, sounds or sentences -> units of one space [N, width], and what they tell of."""

    def __init__(self, config: SensesConfig):
        super().__init__()
        self.config, width = config, config.width
        self.picture = Pictures([3, *config.picture_channels, width])
        self.sound = Sounds([config.bands, *config.sound_channels, width])
        self.text = Sentences(FIRST + len(config.vocabulary), [config.word_width, *[width] * 3])
        self.shared = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )
        self.head = nn.Linear(width, len(config.values))

    def forward(self, sense: Sense, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The shared units [N, width] of what one sense takes in, and the logits of each value's
        presence [N, A].

        inputs: pictures [N, 3, H, W]; sounds [N, bands, T] and their lengths [N]; or sentences
        int64 [N, L].
        """
        own = {"picture": self.picture, "sound": self.sound, "text": self.text}[sense]
        units = self.shared(own(*inputs))
        return units, self.head(units)


class Pictures(nn.Module):
    """Pictures [N, 3, H, W] -> the strongest answer of each channel anywhere [N, C].

    ReLUs come after the pools, which gives the same and computes a quarter as many.
    """

    def __init__(self, channels: list[int]):
        super().__init__()
        self.layers = nn.ModuleList([nn.Conv2d(*two, 3, padding=1) for two in pairwise(channels)])
        self.norms = nn.ModuleList([BatchNorm2d(width) for width in channels[1:]])

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = norm(layer(F.relu(F.max_pool2d(x, 2)) if number else x))
        return F.relu(x.amax((2, 3)))


class Sounds(nn.Module):
    """Log-mels [N, bands, T] -> the strongest answer of each channel at any time [N, C].

    ReLUs come after the pools, as in `Pictures`; the silence behind the end is 0, and so never a
    stronger answer. Each band is scaled as all of the training's are. Every layer but the last
    halves the time.
    """

    WIDTH = 5  # frames

    def __init__(self, channels: list[int]):
        super().__init__()
        self.scale = BatchNorm1d(channels[0], affine=False)
        self.layers = along(channels, self.WIDTH)
        self.norms = nn.ModuleList([BatchNorm1d(width) for width in channels[1:]])

    def forward(self, sounds: Tensor, lengths: Tensor) -> Tensor:
        x = normalised(sounds, self.scale, lengths)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            if number:
                x = F.relu(F.max_pool1d(x, 2, ceil_mode=True))
                lengths = (lengths + 1) // 2
            x = normalised(layer(x), norm, lengths)
        return F.relu(x.amax(2))


class Sentences(nn.Module):
    """Sentences int64 [N, L] -> the strongest answer of each channel at any word [N, C]."""

    WIDTH = 3  # words

    def __init__(self, words: int, channels: list[int]):
        super().__init__()
        self.words = nn.Embedding(words, channels[0], padding_idx=PADDING)
        self.layers = along(channels, self.WIDTH)
        self.norms = nn.ModuleList([BatchNorm1d(width) for width in channels[1:]])

    def forward(self, sentences: Tensor) -> Tensor:
        x, lengths = self.words(sentences).transpose(1, 2), (sentences != PADDING).sum(1)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            x = F.relu(normalised(layer(x), norm, lengths))
        return x.amax(2)


def along(channels: list[int], width: int) -> nn.ModuleList:
    """Convolutions along time or words that keep the length."""
    return nn.ModuleList([nn.Conv1d(*two, width, padding=width // 2) for two in pairwise(channels)])


def normalised(x: Tensor, norm: nn.Module, lengths: Tensor) -> Tensor:
    """[N, C, T] by a batch norm whose statistics are of what is before each length, and 0 behind
    it: so neither answers nor trainings depend on the padding."""
    valid = valid_frames(lengths, x.shape[2])
    found: Tensor = norm(x, valid)
    return found * valid[:, None]


def load_senses(folder: Path, where: torch.device) -> Senses:
    """The trained network, frozen.

    Raises WordbrushError where a file is missing, damaged, or newer than this version knows.
    """
    network = Senses(read_config(folder / "senses.json", SensesConfig))
    load_weights(folder, "senses", network)
    return network.to(where).eval().requires_grad_(False)
