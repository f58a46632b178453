"""How surely each value of each attribute is somewhere in a picture."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import to_images
from wordbrush.segmenter.network import MAX_OBJECTS, Segmenter
from wordbrush.training.compute import device_of


@torch.no_grad()
def presences(
    network: Segmenter, images: np.ndarray, parsed: list[list[dict]], batch: int = 256
) -> np.ndarray:
    """Of pictures uint8 [N, H, W, 3], how surely they show each value: float32 [N, A] in 0..1.

    parsed: their objects, as `parsing.parse` found them. An object shows a value as surely as it is
    there and has the value; a picture, as surely as not all of its objects lack it. A: the values
    of all attributes, in the order of the logits.
    """
    sizes = [len(names) for names in network.config.attributes.values()]
    found = np.empty((len(images), sum(sizes)), np.float32)
    for at in range(0, len(images), batch):
        rows = slice(at, at + batch)
        pictures = to_images(images[rows]).to(device_of(network))
        _, presence, logits = (one.cpu() for one in network(pictures))
        mine = pixels_of(presence, parsed[rows])
        there = np.zeros((len(pictures), MAX_OBJECTS, 1), np.float32)
        for row, objects in zip(there, parsed[rows], strict=True):
            row[: len(objects), 0] = [thing["confidence"] for thing in objects]
        found[rows] = 1 - (1 - there * chances_of(logits, mine, sizes).numpy()).prod(1)
    return found


def pixels_of(presence: Tensor, parsed: list[list[dict]]) -> Tensor:
    """The pixels of each object, those that it is nearest to of all where something is: 0 or 1,
    float [N, MAX_OBJECTS, H, W].

    presence: logits [N, H, W].
    """
    count, height, width = presence.shape
    centres = torch.full((count, MAX_OBJECTS, 2), torch.inf)
    for row, objects in zip(centres, parsed, strict=True):
        for number, thing in enumerate(objects):
            row[number] = torch.tensor([thing["x"], thing["y"]])
    across, down = centres[..., 0, None, None], centres[..., 1, None, None]
    squared = (torch.arange(width) - across) ** 2 + (torch.arange(height)[:, None] - down) ** 2
    nearest = F.one_hot(squared.argmin(1), MAX_OBJECTS).permute(0, 3, 1, 2)
    return (nearest * (presence > 0)[:, None]).float()


def chances_of(logits: Tensor, mine: Tensor, sizes: list[int]) -> Tensor:
    """How probable each value is of each object, whose pixels vote: [N, K, A].

    logits: [N, A, H, W]. mine: the pixels of K objects [N, K, H, W]. sizes: the number of values of
    each attribute. Without pixels one value is as probable as another.
    """
    votes = torch.einsum("nkhw,nahw->nka", mine, logits) / mine.sum((2, 3)).clamp(min=1)[..., None]
    return torch.cat([F.softmax(part, -1) for part in votes.split(sizes, -1)], -1)
