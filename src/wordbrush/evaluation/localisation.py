"""Where and when the matchmap fires: at a word's time on objects that the word fits, at an object's place while it is named."""

from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.davenet.encoded import valid_frames
from wordbrush.evaluation.concepts import VALUES, value_masks
from wordbrush.evaluation.intervals import bootstrap, percent_of
from wordbrush.evaluation.results import Measured
from wordbrush.evaluation.spoken import Spoken
from wordbrush.scenes.world import ATTRIBUTES

CHUNK = 256  # words or objects at once


@dataclass(frozen=True)
class Drawings:
    """The objects of each caption's picture, their masks uint8 [N, H, W] (0 or 1 + the object's number), and the masks of their
    attributes, uint8 [N, 4, H, W] as scenes.masks.attribute_masks."""

    objects: list[list[dict]]
    instances: np.ndarray
    planes: np.ndarray


@dataclass(frozen=True)
class Words:
    """How the matchmap fares at each attribute word, all [W].

    caption, attribute: their numbers. hit: whether the greatest place lies on an object that the word fits. area, share: what
    these objects cover of the picture, and of all objects. overlap: IoU of map and these. contested: there is an object that the
    word does not fit.
    """

    caption: Tensor
    attribute: Tensor
    hit: Tensor
    area: Tensor
    share: Tensor
    overlap: Tensor
    contested: Tensor


def localise_words(images: Tensor, audio: Tensor, spoken: Spoken, drawings: Drawings) -> Words:
    """Features [N, D, h, w] and [N, D, t], and the words that mean a value (`Spoken.as_values`)."""
    moments = spoken.sums(audio.transpose(1, 2)) / (spoken.stop - spoken.first)[:, None]  # [W, D]
    attributes = torch.tensor(
        [number for number, values in enumerate(ATTRIBUTES.values()) for _ in values]
    )
    rows: list[tuple[Tensor, ...]] = []
    for part in torch.arange(len(spoken)).split(CHUNK):
        caption, label = spoken.caption[part], spoken.label[part]
        planes = drawings.planes[caption.numpy()]
        fitting = value_masks(planes)[torch.arange(len(part)), label]  # [P, H, W]
        objects = torch.from_numpy(planes[:, 0] > 0)
        maps = spread(
            torch.einsum("pdhw,pd->phw", images[caption], moments[part]), fitting.shape[-2:]
        )
        area, taken = fitting.float().mean((1, 2)), objects.float().mean((1, 2))
        found = (
            area > 0
        )  # not so where a caption was cut, or a picture is read otherwise than it was described
        measured = (
            caption,
            attributes[label],
            pointing(maps, fitting),
            area,
            area / taken.clamp(min=1e-6),
            overlap(maps, fitting),
            taken > area,
        )
        rows.append(tuple(one[found] for one in measured))
    return Words(*(torch.cat(column) for column in zip(*rows, strict=True)))


def spread(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """Maps [P, h, w] at the size of the picture: [P, H, W]."""
    return F.interpolate(maps[:, None], size, mode="bilinear")[:, 0]


def pointing(maps: Tensor, masks: Tensor) -> Tensor:
    """Whether the greatest place of each map [P, H, W] lies in its mask: bool [P]."""
    return masks.flatten(1).gather(1, maps.flatten(1).argmax(1, keepdim=True))[:, 0]


def overlap(maps: Tensor, masks: Tensor) -> Tensor:
    """Intersection over union of mask and map where that is above half of its maximum: [P]; 0 where no place is above 0."""
    on = (maps > maps.flatten(1).amax(1)[:, None, None] / 2) & (maps > 0)
    return (on & masks).sum((1, 2)) / (on | masks).sum((1, 2)).clamp(min=1)


@dataclass(frozen=True)
class Moments:
    """Of each object, all [O]: its caption, whether its place fires most while it is named, and what naming takes of the time."""

    caption: Tensor
    hit: Tensor
    share: Tensor


def localise_objects(
    images: Tensor, audio: Tensor, lengths: Tensor, spoken: Spoken, drawings: Drawings
) -> Moments:
    """Of pictures with two or more objects, those that the caption names. As `localise_words`; lengths [N]."""
    named = naming(spoken, drawings.objects, audio.shape[2])
    rows: list[tuple[Tensor, ...]] = [
        (torch.empty(0, dtype=torch.long), torch.empty(0, dtype=torch.bool), torch.empty(0))
    ]
    for at in range(0, len(named), CHUNK):
        caption, number, when = (
            torch.from_numpy(np.stack(column))
            for column in zip(*named[at : at + CHUNK], strict=True)
        )
        masks = torch.from_numpy(drawings.instances[caption.numpy()]) == 1 + number[:, None, None]
        weights = F.adaptive_avg_pool2d(masks[:, None].float(), images.shape[-2:])[:, 0]
        place = (
            torch.einsum("odhw,ohw->od", images[caption], weights) / weights.sum((1, 2))[:, None]
        )
        valid = valid_frames(lengths[caption], audio.shape[2])
        curve = torch.einsum("od,odt->ot", place, audio[caption]).masked_fill(~valid, -torch.inf)
        rows.append(
            (
                caption,
                when.gather(1, curve.argmax(1, keepdim=True))[:, 0],
                (when & valid).sum(1) / lengths[caption],
            )
        )
    return Moments(*(torch.cat(column) for column in zip(*rows, strict=True)))


def naming(
    spoken: Spoken, objects: list[list[dict]], frames: int
) -> list[tuple[int, int, np.ndarray]]:
    """Caption, number and bool [frames] of every object that shares its picture and is named: when phrases that fit it are said.

    A phrase has one word for every attribute (speech.grammar.phrase), one after another.
    """
    when: dict[tuple[int, frozenset[str]], np.ndarray] = {}
    words = zip(
        *(getattr(spoken, name).tolist() for name in ("caption", "label", "first", "stop")),
        strict=True,
    )
    for caption, said in groupby(words, key=itemgetter(0)):
        for phrase in zip(
            *[said] * len(ATTRIBUTES), strict=False
        ):  # what a caption that was cut leaves of a phrase is dropped
            fits = caption, frozenset(VALUES[label] for _, label, _, _ in phrase)
            when.setdefault(fits, np.zeros(frames, bool))[phrase[0][2] : phrase[-1][3]] = True
    return [
        (caption, number, when[fits])
        for caption, things in enumerate(objects)
        if len(things) > 1
        for number, thing in enumerate(things)
        if (fits := (caption, frozenset(thing[name] for name in ATTRIBUTES))) in when
    ]


def measured(
    caption: Tensor, values: Tensor, chance: Tensor, resamples: int, seed: int
) -> Measured | None:
    """The mean of values [P] in percent, and what chance would give; None where there is nothing to measure.

    The interval is over captions, whose words are not independent.
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
