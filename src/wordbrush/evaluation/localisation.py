"""Where and when the matchmap fires.

At a word's time it should fire on objects that the word fits; in the cells of an object it should
fire while the object is named.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.davenet.encoded import valid_frames
from wordbrush.evaluation.detection import value_masks
from wordbrush.evaluation.intervals import bootstrap, percent_of
from wordbrush.evaluation.results import MapScores, Measured
from wordbrush.evaluation.spoken import Spoken
from wordbrush.scenes.masks import attribute_masks
from wordbrush.segmenter.network import Segmenter
from wordbrush.segmenter.parsing import parse_masks

CHUNK = 256  # words or objects at once


@dataclass(frozen=True)
class Drawings:
    """What is seen in the picture of each caption.

    objects: of each picture. instances: uint8 [N, H, W], 0 or 1 + the object's number. planes: the
    masks of their attributes, uint8 [N, A, H, W], as scenes.masks.attribute_masks.
    """

    objects: list[list[dict]]
    instances: np.ndarray
    planes: np.ndarray

    def of(self, rows: np.ndarray) -> "Drawings":
        """Those with these numbers [C], which may repeat."""
        objects = [self.objects[row] for row in rows]
        return Drawings(objects, self.instances[rows], self.planes[rows])


def read_drawings(segmenter: Segmenter, images: np.ndarray, min_confidence: float) -> Drawings:
    """The objects that the segmenter is sure of, which are those that captions tell of; all else is
    floor."""
    parsed, masks = parse_masks(segmenter, images)
    sure = [
        [thing for thing in objects if thing["confidence"] >= min_confidence] for objects in parsed
    ]
    instances = np.stack(
        [
            renumber(objects, min_confidence)[mask]
            for objects, mask in zip(parsed, masks, strict=True)
        ]
    )
    planes = [attribute_masks(mask, objects) for mask, objects in zip(instances, sure, strict=True)]
    return Drawings(sure, instances, np.stack(planes))


def renumber(objects: list[dict], min_confidence: float) -> np.ndarray:
    """The new number of each mask value, 0 and 1 + the object: counted over the sure objects, and 0
    for the others."""
    kept = np.array([False, *(thing["confidence"] >= min_confidence for thing in objects)])
    return (kept.cumsum() * kept).astype(np.uint8)


@dataclass(frozen=True)
class LocalisedWords:
    """How the matchmap fares at each attribute word, all [W].

    caption, attribute: their numbers. hit: whether the strongest pixel lies on an object that the
    word fits. area, share: what these objects cover of the picture, and of all objects. overlap:
    IoU of the map and these. contested: whether there is an object that the word does not fit.
    """

    caption: Tensor
    attribute: Tensor
    hit: Tensor
    area: Tensor
    share: Tensor
    overlap: Tensor
    contested: Tensor


def localise_words(
    images: Tensor, audio: Tensor, spoken: Spoken, drawings: Drawings, vocabulary: Vocabulary
) -> LocalisedWords:
    """Features [N, D, h, w] and [N, D, t], and the words that mean a value (`Spoken.as_values`).

    Words that fit no object are left out: the caption was cut, or the picture is read otherwise
    than it was described.
    """
    heard = spoken.sums(audio.transpose(1, 2)) / (spoken.stop - spoken.first)[:, None]  # [W, D]
    values = vocabulary.attributes.values()
    attributes = torch.tensor([number for number, named in enumerate(values) for _ in named])
    rows: list[tuple[Tensor, ...]] = []
    for part in torch.arange(len(spoken)).split(CHUNK):
        caption, label = spoken.caption[part], spoken.label[part]
        planes = drawings.planes[caption.numpy()]
        masks = value_masks(planes, vocabulary.attributes)
        fitting = masks[torch.arange(len(part)), label]  # [P, H, W], of P words
        objects = torch.from_numpy(planes[:, 0] > 0)
        maps = torch.einsum("pdhw,pd->phw", images[caption], heard[part])
        height, width = fitting.shape[-2:]
        maps = enlarge(maps, (height, width))
        area, taken = fitting.float().mean((1, 2)), objects.float().mean((1, 2))
        found = area > 0
        columns = (
            caption,
            attributes[label],
            pointing(maps, fitting),
            area,
            area / taken.clamp(min=1e-6),
            overlap(maps, fitting),
            taken > area,
        )
        rows.append(tuple(one[found] for one in columns))
    return LocalisedWords(*(torch.cat(column) for column in zip(*rows, strict=True)))


def enlarge(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps [P, h, w] at the size of the picture: [P, H, W]."""
    return F.interpolate(maps[:, None], size, mode="bilinear")[:, 0]


def pointing(maps: Tensor, masks: Tensor) -> Tensor:
    """Whether the strongest pixel of each map [P, H, W] lies in its mask: bool [P]."""
    return masks.flatten(1).gather(1, maps.flatten(1).argmax(1, keepdim=True))[:, 0]


def overlap(maps: Tensor, masks: Tensor) -> Tensor:
    """IoU [P] of each mask and its map where that is above half of its maximum; 0 where no pixel is
    above 0."""
    on = (maps > maps.flatten(1).amax(1)[:, None, None] / 2) & (maps > 0)
    return (on & masks).sum((1, 2)) / (on | masks).sum((1, 2)).clamp(min=1)


@dataclass(frozen=True)
class LocalisedObjects:
    """How the matchmap fares at each object, all [O].

    caption: its number. hit: whether the object's cells fire most while it is named. share: what
    naming it takes of the time.
    """

    caption: Tensor
    hit: Tensor
    share: Tensor


def localise_objects(
    images: Tensor,
    audio: Tensor,
    lengths: Tensor,
    spoken: Spoken,
    drawings: Drawings,
    vocabulary: Vocabulary,
) -> LocalisedObjects:
    """The objects that captions name, of pictures with two or more; as `localise_words`, with
    lengths [N]."""
    named = naming(spoken, drawings.objects, audio.shape[2], vocabulary)
    rows: list[tuple[Tensor, ...]] = [
        (torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.bool), torch.empty(0))
    ]
    height, width = images.shape[-2:]
    for at in range(0, len(named), CHUNK):
        caption, number, when = (
            torch.from_numpy(np.stack(column))
            for column in zip(*named[at : at + CHUNK], strict=True)
        )
        masks = torch.from_numpy(drawings.instances[caption.numpy()]) == 1 + number[:, None, None]
        weights = F.adaptive_avg_pool2d(masks[:, None].float(), (height, width))[:, 0]
        seen = torch.einsum("odhw,ohw->od", images[caption], weights)
        seen = seen / weights.sum((1, 2))[:, None]
        valid = valid_frames(lengths[caption], audio.shape[2])
        curve = torch.einsum("od,odt->ot", seen, audio[caption]).masked_fill(~valid, -torch.inf)
        hit = when.gather(1, curve.argmax(1, keepdim=True))[:, 0]
        rows.append((caption, hit, (when & valid).sum(1) / lengths[caption]))
    return LocalisedObjects(*(torch.cat(column) for column in zip(*rows, strict=True)))


def naming(
    spoken: Spoken, objects: list[list[dict]], frames: int, vocabulary: Vocabulary
) -> list[tuple[int, int, np.ndarray]]:
    """When phrases that fit an object are said: its caption, its number, and bool [frames].

    Objects that are alone, or not named, are left out. A phrase has one word for every attribute
    (captions.grammar.phrase), one after another; what a cut caption leaves of a phrase is dropped.
    """
    attributes, values = list(vocabulary.attributes), vocabulary.values
    when: dict[tuple[int, frozenset[str]], np.ndarray] = {}
    words = zip(
        *(getattr(spoken, name).tolist() for name in ("caption", "label", "first", "stop")),
        strict=True,
    )
    for caption, said in groupby(words, key=itemgetter(0)):
        for phrase in zip(*[said] * len(attributes), strict=False):
            fits = caption, frozenset(values[label] for _, label, _, _ in phrase)
            when.setdefault(fits, np.zeros(frames, bool))[phrase[0][2] : phrase[-1][3]] = True
    return [
        (caption, number, when[fits])
        for caption, things in enumerate(objects)
        if len(things) > 1
        for number, thing in enumerate(things)
        if (fits := (caption, frozenset(thing[name] for name in attributes))) in when
    ]


Mean = Callable[[Tensor, Tensor, Tensor], Measured | None]
"""Of captions, values and chances, all [P], the mean with its interval; None where P is 0."""


def map_scores(words: LocalisedWords, objects: LocalisedObjects, mean: Mean) -> MapScores:
    """Where and when matchmaps fire."""
    one = words.contested
    return {
        "pointing": mean(words.caption, words.hit, words.area),
        "contested": mean(words.caption[one], words.hit[one], words.share[one]),
        # chance: a map that fires everywhere
        "overlap": mean(words.caption, words.overlap, words.area),
        "naming": mean(objects.caption, objects.hit, objects.share),
    }


def mean_over_words(
    caption: Tensor, values: Tensor, chance: Tensor, resamples: int, seed: int
) -> Measured | None:
    """The mean of values [P] in percent, and what chance would give; None where there are none.

    The interval is over captions, whose words are not independent: caption [P].
    """
    if not len(values):
        return None
    hits, trials = (
        np.bincount(caption.numpy(), each)
        for each in (values.double().numpy(), np.ones(len(values)))
    )
    cases = np.stack((hits, trials))[:, trials > 0]
    interval = bootstrap(cases, percent_of, resamples, seed)
    return {
        "value": round(100 * float(values.double().mean()), 2),
        "chance": round(100 * float(chance.double().mean()), 2),
        **interval,
    }
