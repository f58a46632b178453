"""The pictures that are shown and searched: their features, and how speech lights them up."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wordbrush.davenet.encoded import Encoded
from wordbrush.errors import optional_packages
from wordbrush.evaluation.results import Hypothesis
from wordbrush.model import Model

with optional_packages():
    from PIL import Image

DIM, BRIGHT = 0.15, 0.4  # of the square of the usual strength (`Lights`), as looked at by eye
STRONG = 0.9  # the share of cells that are weaker than what counts as strong: mostly floor
ANSWERS = 12  # of concepts and of units that are said to answer
MARKED = 1.8  # deviations of its units at which a concept counts as heard
TELLING_F1 = 30.0  # percent; a concept that detects no word better has no name


@dataclass(frozen=True)
class Gallery:
    """pictures: uint8 [N, S, S, 3]. seen: what the model makes of them, on the CPU."""

    pictures: np.ndarray
    seen: Encoded

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def features(self) -> Tensor:
        """[N, D, h, w]"""
        return self.seen.features

    @property
    def cells(self) -> tuple[int, int]:
        height, width = self.features.shape[2:]
        return height, width

    def png(self, number: int) -> bytes:
        return png(self.pictures[number])


def png(picture: np.ndarray) -> bytes:
    """A picture uint8 [H, W, 3] as a file."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def drawn_gallery(model: Model, count: int, seed: int) -> Gallery:
    """Drawings of the model's own generator."""
    pictures = model.draw(count, seed)
    return Gallery(pictures, model.encode(pictures).to("cpu"))


class Lights:
    """How brightly speech lights each cell, from 0 to 255.

    A matchmap alone tells too little: words such as "the" fit floors of all pictures alike. So the
    mean over the gallery is subtracted at every frame, and what is left is measured against the
    square of the usual strength of a cell with an object in it. Speech is about as strong, since
    both were trained to share a space.
    """

    def __init__(self, gallery: Gallery):
        cells = gallery.features.flatten(2)  # [N, D, p]
        self.mean = cells.mean((0, 2), keepdim=True)
        self.cells = cells - self.mean
        strong = self.cells.norm(dim=1).flatten().quantile(STRONG) ** 2
        self.low, self.range = DIM * strong, (BRIGHT - DIM) * strong

    def of(self, pictures: Sequence[int], speech: Tensor) -> np.ndarray:
        """Of these pictures [P], at each frame of speech [D, t]: uint8 [P, t, cells]."""
        return self._lit(self.cells[list(pictures)], speech)

    def on(self, features: Tensor, speech: Tensor) -> np.ndarray:
        """The same of any pictures with features [P, D, h, w]."""
        return self._lit(features.flatten(2) - self.mean, speech)

    def _lit(self, cells: Tensor, speech: Tensor) -> np.ndarray:
        maps = torch.einsum("ndp,dt->ntp", cells, speech)
        light = ((maps - self.low) / self.range).clamp(0, 1)
        return (light * 255).round().to(torch.uint8).numpy()


@dataclass(frozen=True)
class Word:
    """What a frame sounds like to the concepts: a word that some of them detect, and how strongly
    the best is active, in deviations of its units."""

    frame: int
    word: str
    strength: float


class Ear:
    """Which concepts are heard, under the names of the words that they detect best."""

    def __init__(self, model: Model):
        self.concepts = model.concepts
        self.names = [_name(meaning["heard"]) for meaning in model.meanings]
        self.words = sorted({word for word, _ in self.names if word})
        weights = torch.zeros(len(self.names), len(self.words))
        for number, (word, f1) in enumerate(self.names):
            if word:
                weights[number, self.words.index(word)] = f1 / 100
        self.weights = weights  # [K, V]

    @torch.no_grad()
    def words_of(self, first: int, speech: Tensor) -> list[Word]:
        """Of frames `first`, … of speech [D, t], those at which a concept is marked.

        Concepts of the same word add up, each with the reliability (F1) of its name.
        """
        if not self.words or not speech.shape[1]:
            return []
        active = self.concepts(speech.T.to(self.concepts.scale.device)).cpu()  # [t, K]
        best = (active @ self.weights).argmax(1)  # [t]
        strength = (active[:, :, None] * (self.weights > 0)).amax(1)  # [t, V]
        return [
            Word(first + frame, self.words[word], round(float(strength[frame, word]), 2))
            for frame, word in enumerate(best.tolist())
            if strength[frame, word] >= MARKED
        ]

    @torch.no_grad()
    def answers(self, speech: Tensor) -> dict[str, list[list[float]]]:
        """Which concepts and which units of the embedding answer speech [D, t] most, at their best
        frame: rows of number and strength in deviations, and of a unit also its concept."""
        scale, members = self.concepts.scale.cpu(), self.concepts.members.cpu()
        concepts = self.concepts(speech.T.to(self.concepts.scale.device)).cpu().amax(0)  # [K]
        concepts[self.weights.sum(1) == 0] = 0  # those without a name may answer silence
        units = (speech.T / scale).amax(0)  # [D]
        owners = members.argmax(0).tolist()
        return {
            "concepts": [[k, strength] for k, strength in _strongest(concepts)],
            "units": [[unit, strength, owners[unit]] for unit, strength in _strongest(units)],
        }


def _strongest(values: Tensor) -> list[tuple[int, float]]:
    best = values.topk(min(ANSWERS, len(values)))
    return [
        (number, round(value, 2))
        for number, value in zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ]


def _name(heard: Hypothesis | None) -> tuple[str, float]:
    """The word that a concept detects, if it does so better than by luck, and its F1."""
    known = heard is not None and heard["f1"] >= TELLING_F1
    return (heard["label"], heard["f1"]) if heard is not None and known else ("", 0.0)
