"""What three senses take in of the same drawings, and which of it training pairs."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_images
from wordbrush.data.speech import FeatureStore
from wordbrush.data.splits import TRAIN
from wordbrush.senses.config import Sense
from wordbrush.senses.sentences import PADDING


def halves(splits: np.ndarray) -> Mapping[Sense, np.ndarray]:
    """The cases, of M with these splits, from which training takes pairs of a picture and a
    sentence, and those from which it takes pairs of a picture and a sound. They share none."""
    trained = np.flatnonzero(splits == TRAIN)
    return {"text": trained[::2], "sound": trained[1::2]}


@dataclass(frozen=True)
class Cases:
    """M cases, each a picture, a sound and a sentence about it.

    captions: int64 [M], the number of each case's caption. images: uint8 [P, H, W, 3], and
    `pictures`: int64 [M], the number of each case's. sounds: all that can be heard, and `heard`:
    int64 [M]. sentences: int64 [M, L], as sentences.numbered makes
    them. presences: float32 [M, A], the teacher's answers of each picture. counts: int64 [M, A], of
    how many objects the segmenter says each value. splits: str [M].
    """

    captions: np.ndarray
    images: np.ndarray
    pictures: np.ndarray
    sounds: FeatureStore
    heard: np.ndarray
    sentences: np.ndarray
    presences: np.ndarray
    counts: np.ndarray
    splits: np.ndarray

    @property
    def things(self) -> np.ndarray:
        """Whether any object has each value: bool [M, A]."""
        return self.counts > 0

    def of(self, split: str) -> np.ndarray:
        """The numbers of the cases of one split: int64, ascending."""
        return np.flatnonzero(self.splits == split)

    @cached_property
    def paired(self) -> Mapping[Sense, np.ndarray]:
        """The cases of which training takes pairs, by what stands beside the picture."""
        return halves(self.splits)

    @cached_property
    def most_words(self) -> int:
        """Of a sentence of training's pairs."""
        return int((self.sentences[self.paired["text"]] != PADDING).sum(1).max(initial=1))

    def take(self, sense: Sense, numbers: np.ndarray) -> tuple[Tensor, ...]:
        """What one sense takes in of these cases, as `Senses` reads it."""
        if sense == "picture":
            return (to_images(self.images[self.pictures[numbers]]),)
        if sense == "sound":
            return self.sounds.batch(self.heard[numbers])
        return (torch.from_numpy(self.sentences[numbers]),)
