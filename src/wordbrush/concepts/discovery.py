"""From the features of pairs to concepts: their units, and the examples that excite them most.

Features: pictures [N, D, h, w]; speech [N, D, t], of which the first `lengths` [N] frames count.
"""

import numpy as np
import torch
from torch import Tensor

from wordbrush.concepts.clusters import binarise, cluster_activations, cluster_units, cooccurrence
from wordbrush.concepts.store import ConceptRecord, Picture, Stretch
from wordbrush.davenet.encoded import Encoded, valid_frames
from wordbrush.params import Clusters

TINY = 1e-6  # keeps a unit that never changes from being divided by 0


def find_clusters(images: Tensor, audio: Tensor, lengths: Tensor, clusters: Clusters) -> np.ndarray:
    """The cluster of each unit [D], from 0.

    A pair activates a unit where its picture or its speech does: by the strongest cell, or by the
    strongest frame.
    """
    seen = binarise(images.flatten(2).amax(2), clusters.top_share)
    heard = binarise(masked(audio, lengths, -torch.inf).amax(2), clusters.top_share)
    return cluster_units(cooccurrence(seen | heard), clusters.count, clusters.linkage)


def masked(audio: Tensor, lengths: Tensor, value: float) -> Tensor:
    """Speech features with `value` in place of padding."""
    return audio.masked_fill(~valid_frames(lengths, audio.shape[2])[:, None], value)


def picture_scale(images: Tensor) -> Tensor:
    """The deviation of each unit over all cells of all pictures: [D]."""
    return images.transpose(0, 1).flatten(1).std(1) + TINY


def audio_scale(audio: Tensor, lengths: Tensor) -> Tensor:
    """The deviation of each unit over the frames of all captions, without padding: [D]."""
    return audio.transpose(1, 2)[valid_frames(lengths, audio.shape[2])].std(0) + TINY


def cluster_cells(images: Tensor, scale: Tensor, members: Tensor) -> Tensor:
    """How active each cluster is in every cell of pictures: [N, h, w, K]."""
    cells = images.permute(0, 2, 3, 1)
    active = cluster_activations(cells.flatten(0, 2), scale, members)
    return active.view(*cells.shape[:3], -1)


def top_pictures(
    images: Tensor, numbers: np.ndarray, scale: Tensor, members: Tensor, count: int
) -> list[list[Picture]]:
    """For each cluster the pictures in which it is most active, and the middle of the cell there.

    numbers [N]: of the pictures.
    """
    number, _, height, width = images.shape
    strongest, cells = cluster_cells(images, scale, members).flatten(1, 2).max(1)
    samples = strongest.topk(min(count, number), 0).indices
    return [
        [
            {
                "sample": int(numbers[sample]),
                "y": (int(cells[sample, k]) // width + 0.5) / height,
                "x": (int(cells[sample, k]) % width + 0.5) / width,
            }
            for sample in samples[:, k]
        ]
        for k in range(len(members))
    ]


def top_sounds(
    speech: Encoded,
    numbers: np.ndarray,
    members: Tensor,
    count: int,
    field: tuple[float, float],
) -> list[list[Stretch]]:
    """For each cluster the captions in which it is most active, and the stretch that it hears.

    numbers [N]: of the captions. field: from one audio feature to the next, and the stretch that
    each hears, in seconds.
    """
    audio, lengths = speech.features, speech.frame_counts
    heard, scale = masked(audio, lengths, 0.0), audio_scale(audio, lengths)
    number, _, time = heard.shape
    active = cluster_activations(heard.transpose(1, 2).flatten(0, 1), scale, members)
    strongest, frames = active.view(number, time, -1).max(1)
    samples = strongest.topk(min(count, number), 0).indices
    stride, reach = field
    return [
        [
            {
                "sample": int(numbers[sample]),
                "start": round(max(0.0, float(frames[sample, k]) * stride - reach / 2), 3),
                "end": round(float(frames[sample, k]) * stride + reach / 2, 3),
            }
            for sample in samples[:, k]
        ]
        for k in range(len(members))
    ]


def make_records(
    labels: np.ndarray,
    units: Tensor,
    agreement: Tensor,
    pictures: list[list[Picture]],
    sounds: list[list[Stretch]],
) -> list[ConceptRecord]:
    """What is known of each concept.

    labels [D]: the cluster of each unit. units, agreement [K, U]: the generator's units that agree
    best with each concept, and how well.
    """
    return [
        {
            "units": np.flatnonzero(labels == number).tolist(),
            "gan_units": units[number].tolist(),
            "agreement": [round(value, 4) for value in agreement[number].tolist()],
            "pictures": pictures[number],
            "sounds": sounds[number],
        }
        for number in range(len(units))
    ]
