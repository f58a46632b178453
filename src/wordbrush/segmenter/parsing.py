"""Reading pictures: the objects that the segmenter finds, their attributes and masks."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import to_images
from wordbrush.segmenter.network import MAX_OBJECTS, Segmenter
from wordbrush.training.compute import device_of

MIN_PEAK = 0.3  # weaker centres are noise


def describable(objects: list[dict], min_confidence: float, min_certainty: float) -> bool:
    """Whether a picture shows something, and a person could describe all of it without guessing."""
    return bool(objects) and all(
        thing["confidence"] >= min_confidence and thing["certainty"] >= min_certainty
        for thing in objects
    )


def parse(network: Segmenter, images: np.ndarray, batch: int = 256) -> list[list[dict]]:
    """The objects of each picture uint8 [N, H, W, 3], left to right.

    Each object is {shape, material, color, size, x, y (pixels), area (pixels), confidence,
    certainty}. Confidence is the peak of the centre map: how sure it is that there is an object.
    Certainty is the lowest of the probabilities of its four attributes.
    """
    return parse_masks(network, images, batch)[0]


@torch.no_grad()
def parse_masks(
    network: Segmenter, images: np.ndarray, batch: int = 256
) -> tuple[list[list[dict]], np.ndarray]:
    """As `parse`, and the objects' masks: uint8 [N, H, W], 0 or 1 + the number of the object."""
    where = device_of(network)
    parsed, instances = [], np.empty(images.shape[:3], np.uint8)
    for at in range(0, len(images), batch):
        centre, presence, logits = network(to_images(images[at : at + batch]).to(where))
        objects, masks = _objects(centre, presence, logits, network.config.attributes)
        parsed += objects
        instances[at : at + batch] = masks.cpu().numpy()
    return parsed, instances


def _objects(
    centre: Tensor, presence: Tensor, logits: Tensor, attributes: dict[str, tuple[str, ...]]
) -> tuple[list[list[dict]], Tensor]:
    """Read objects off the maps, as `Segmenter` returns them.

    Each peak of the centre map is an object. A pixel where something is present belongs to the
    nearest peak, and votes on the attributes of that object.
    """
    _, height, width = centre.shape
    heat = centre.sigmoid()
    peaks = heat * (F.max_pool2d(heat[:, None], 3, 1, 1)[:, 0] == heat)
    strength, cells = peaks.flatten(1).topk(min(MAX_OBJECTS, height * width))
    y, x = cells // width, cells % width
    mine = _nearest(strength, y, x, presence)
    votes = torch.einsum("nkhw,nahw->nka", mine.float(), logits) / mine.sum((2, 3))[..., None]
    sizes = [len(names) for names in attributes.values()]
    chances = [part.softmax(-1).max(-1) for part in votes.split(sizes, -1)]
    certainty = torch.stack([chance.values for chance in chances]).amin(0).tolist()
    values = [chance.indices.tolist() for chance in chances]
    areas, confidences = mine.sum((2, 3)).tolist(), strength.tolist()
    found, number = [], torch.zeros(mine.shape[:2], dtype=torch.uint8)
    for n, peaks_of_one in enumerate(zip(x.tolist(), y.tolist(), strict=True)):
        peaks_in_order = sorted(
            (across, down, k)
            for k, (across, down) in enumerate(zip(*peaks_of_one, strict=True))
            if confidences[n][k] >= MIN_PEAK
        )
        order = [k for _, _, k in peaks_in_order]
        number[n, order] = torch.arange(1, len(order) + 1, dtype=torch.uint8)
        found.append(
            [
                {
                    **{
                        name: names[values[a][n][k]]
                        for a, (name, names) in enumerate(attributes.items())
                    },
                    "x": float(across),
                    "y": float(down),
                    "area": int(areas[n][k]),
                    "confidence": round(confidences[n][k], 4),
                    "certainty": round(certainty[n][k], 4),
                }
                for across, down, k in peaks_in_order
            ]
        )
    return found, (mine * number.to(mine.device)[..., None, None]).amax(1).to(torch.uint8)


def _nearest(strength: Tensor, y: Tensor, x: Tensor, presence: Tensor) -> Tensor:
    """The pixels of every peak [N, K] that is not weak: 0 or 1, [N, K, H, W]."""
    count, height, width = presence.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    rows, columns = rows.to(presence.device), columns.to(presence.device)
    squared = (rows - y[..., None, None]) ** 2 + (columns - x[..., None, None]) ** 2
    squared = squared.float().masked_fill((strength < MIN_PEAK)[..., None, None], torch.inf)
    mine = F.one_hot(squared.argmin(1), strength.shape[1]).permute(0, 3, 1, 2)
    mine = mine * (presence > 0)[:, None]
    # a peak is always a pixel of its own object
    mine[torch.arange(count)[:, None], torch.arange(strength.shape[1])[None], y, x] = 1
    return mine
