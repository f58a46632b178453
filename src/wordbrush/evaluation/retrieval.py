"""Retrieval (P Table 2): the caption of each picture among all captions, and the reverse."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.manifest import Manifest
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_captions, encode_images, encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.evaluation.interface import Numbers, Subject, Test
from wordbrush.evaluation.intervals import bootstrap, estimate, percent, percent_of
from wordbrush.evaluation.material import Material, language_tested
from wordbrush.evaluation.results import (
    RECALL_LEVELS,
    Estimate,
    Recall,
    RecallLevel,
    Validation,
    WayRecall,
    Ways,
)
from wordbrush.params import Params


def run(material: Material, subject: Subject) -> Numbers:
    """Recall in percent and the median rank, both directions together."""
    params = material.params
    ranks = ranks_of(subject.scores, material.pairs.manifest, material.samples)
    found = (ranks <= 10).float().numpy()
    interval = bootstrap(found, percent, params.evaluation.bootstrap, params.seed)
    values: dict[str, Any] = {
        "recall": recalls(ranks),
        "median_rank": float(ranks.float().quantile(0.5)),
    }
    if material.collection is not None:
        manifest = material.pairs.manifest
        values["ways"] = both_ways_apart(params, manifest, material.samples, ranks.numpy())
    return values, {"recall_10": interval}


def ways_among(
    material: Material, encoders: Encoders, manifest: Manifest, captions: np.ndarray
) -> Ways:
    """Each direction by itself, among these captions and the pictures that `manifest` says they
    tell of."""
    seen = encode_images(encoders, material.pairs.images, manifest.pictures(captions))
    heard = encode_captions(encoders, material.pairs, captions)
    scores = all_similarities(seen, heard, encoders.config.similarity)
    positives = torch.from_numpy(manifest.positives(captions, manifest.pictures(captions)))
    ranks = both_ways(scores, positives).numpy()
    return both_ways_apart(material.params, manifest, captions, ranks)


def both_ways_apart(
    params: Params, manifest: Manifest, captions: np.ndarray, ranks: np.ndarray
) -> Ways:
    """Each direction by itself, with intervals: a picture is drawn with all its captions.

    ranks: of the pictures of these captions, then of the captions.
    """
    images = manifest.images[captions]
    pictures, counts = np.unique(images, return_counts=True)
    of_pictures, of_captions = np.split(ranks, [len(pictures)])
    rows, ones = np.searchsorted(pictures, images), np.ones(len(images), int)
    return {
        "pictures": way(params, of_captions, rows, ones, len(pictures)),
        "captions": way(params, of_pictures, np.arange(len(pictures)), counts, len(images)),
    }


def chance(right: np.ndarray, candidates: int, k: int) -> float:
    """Percent of queries that find one of their `right` [Q] among the first k of so many candidates
    in random order: 1 - C(n-p, k) / C(n, k)."""
    steps = np.arange(min(k, candidates))
    missed = np.maximum(candidates - right[:, None] - steps, 0) / (candidates - steps)
    return 100 * float(1 - missed.prod(1).mean())


def way(
    params: Params, ranks: np.ndarray, pictures: np.ndarray, right: np.ndarray, candidates: int
) -> WayRecall:
    """Recall of queries, with its interval over pictures.

    ranks [Q] of queries; pictures [Q]: which picture, from 0, each query belongs to; right [Q]:
    how many candidates are right."""
    trials = np.bincount(pictures)
    found: dict[RecallLevel, Estimate] = {}
    for k in RECALL_LEVELS:
        hits = np.bincount(pictures, ranks <= int(k))
        interval = bootstrap(
            np.stack([hits, trials]), percent_of, params.evaluation.bootstrap, params.seed
        )
        found[k] = estimate(100 * float(hits.sum() / trials.sum()), interval)
    by_chance = {k: round(chance(right, candidates, int(k)), 2) for k in RECALL_LEVELS}
    return {
        "recall": found,
        "chance": by_chance,
        "median_rank": float(np.median(ranks)),
        "candidates": candidates,
    }


def recalls(ranks: Tensor) -> Recall:
    """Percent of ranks [N] within the first 1, 5 and 10."""
    first, fifth, tenth = (round(recall(ranks, k), 2) for k in (1, 5, 10))
    return {"1": first, "5": fifth, "10": tenth}


def ranks_of(scores: Tensor, manifest: Manifest, captions: np.ndarray) -> Tensor:
    """Ranks, both ways, by the scores [N, N] of captions and of the picture of each.

    A picture with several captions counts once, and all its captions are right.
    """
    pictures, first = np.unique(manifest.images[captions], return_index=True)
    positives = torch.from_numpy(manifest.positives(captions, pictures))
    return both_ways(scores[first], positives)


def validate(material: Material, encoders: Encoders) -> Validation:
    """Recall on the validation pairs, by which methods are chosen."""
    manifest = material.pairs.manifest
    captions = manifest.captions("validation", language_tested(material.params))
    features = encode_pairs(encoders, material.pairs, captions)
    scores = all_similarities(*features, encoders.config.similarity)
    return {"recall": recalls(ranks_of(scores, manifest, captions))}


TEST = Test("retrieval", "pairs", lambda material: True, run)
