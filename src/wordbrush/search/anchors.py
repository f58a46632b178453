"""Typical frames of speech, and how well a picture answers each: what candidates are found by.

MISA is the mean, over the frames of an utterance, of the best cell of each. Close frames have the
same best cell, so it is nearly the same if every frame gives way to the typical frame ("anchor")
nearest to it. A picture is then described by one number an anchor, its best cell's, and an
utterance by how much of it falls to each anchor: the score is the inner product of both, which
faiss searches. Means over the cells of a picture, the usual choice, mostly tell of its floor
(docs/performance.md compares both).
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.audio.inputs import prepare
from wordbrush.captions.grammar import describe
from wordbrush.corpora import shards
from wordbrush.corpora.collection import captions_in
from wordbrush.davenet.kernels import slices
from wordbrush.errors import optional_packages
from wordbrush.model import Model
from wordbrush.search.sources import Collection, Source

with optional_packages():
    import faiss

ANCHORS = 256
ROUNDS = 20  # of k-means
DESCRIBED = 256  # drawings whose descriptions are spoken
VOICES = tuple(f"en-us+{name}" for name in ("m1", "m3", "m5", "f1", "f3", "f4"))
RATES, PITCHES = (140, 200), (35, 65)  # about those of espeak-ng's voices in params.yaml
CAPTIONS = 256  # of a collection that are heard
SURE = 0.5  # how sure the segmenter is of what is described
SEEN = 512  # pictures whose cells stand in for speech
TOGETHER = 256  # pictures whose maxima are sought at a time
SEED = 27_000  # of the drawings that are described: others than people index


def find_anchors(model: Model, source: Source) -> tuple[np.ndarray, str]:
    """Anchors float32 [A, D] of length 1, and what they were found in.

    In the speech of a collection; else, if the model draws and reads, in spoken descriptions of
    its drawings; else in the cells of pictures, which find less.
    """
    frames, found_in = [], "cells of pictures"
    if isinstance(source, Collection):
        frames, found_in = list(_captions(model, source)), "the collection's speech"
    elif model.segmenter is not None and model.generator is not None:
        frames, found_in = list(_descriptions(model)), "descriptions of drawings"
    if not frames:
        frames = [_cells(model, source)]
    return _clustered(np.concatenate(frames)), found_in


def _captions(model: Model, source: Collection) -> Iterator[np.ndarray]:
    paths = shards.shard_paths(source.folder, shards.SPEECH)
    heard = (one for path in paths for one in captions_in(model.config.features, path))
    for one in islice(heard, CAPTIONS):
        yield model.hear_frames(one.frames)[0].T.cpu().numpy()


def _descriptions(model: Model) -> Iterator[np.ndarray]:
    for sound in described(model, SEED, DESCRIBED, VOICES):
        yield model.hear_prepared(sound)[0].T.cpu().numpy()


def described(model: Model, seed: int, count: int, voices: Sequence[str]) -> Iterator[np.ndarray]:
    """So many drawings as the segmenter reads them, in words, spoken by espeak-ng: float32 [S] at
    16 kHz each."""
    from wordbrush.captions.voices import Voice, speak  # loads espeak-ng, which may be missing

    rng = np.random.default_rng(seed)
    for number, found in enumerate(model.read(model.draw(count, seed))):
        sure = [thing for thing in found if thing["confidence"] >= SURE]
        voice = Voice(
            voices[number % len(voices)], int(rng.integers(*RATES)), int(rng.integers(*PITCHES))
        )
        yield prepare(speak(describe(sure, rng), voice).sound).sound


def _cells(model: Model, source: Source) -> np.ndarray:
    seen = model.see(source.items()[0].look(model).pictures[:SEEN])
    return seen.flatten(2).transpose(1, 2).flatten(0, 1).cpu().numpy()


def _clustered(frames: np.ndarray) -> np.ndarray:
    count = min(ANCHORS, len(frames))
    means: Any = faiss.Kmeans(
        frames.shape[1], count, niter=ROUNDS, spherical=True, seed=SEED, min_points_per_centroid=1
    )
    means.train(np.ascontiguousarray(frames, np.float32))
    return means.centroids


def maxima(features: Tensor, anchors: Tensor) -> Tensor:
    """How well the best cell of each picture answers each anchor [A, D].

    features: [N, D, h, w]. Returns [N, A].
    """
    cells = features.flatten(2)
    return torch.cat([(anchors @ cells[rows]).amax(2) for rows in slices(len(cells), TOGETHER)])


def tally(speech: Tensor, anchors: Tensor) -> Tensor:
    """How much of an utterance [D, t] falls to each anchor [A, D]: [A]."""
    nearest = (anchors @ speech).max(0)
    return torch.zeros(len(anchors)).index_add_(0, nearest.indices, nearest.values)
