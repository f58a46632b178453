"""Retrieval (P Table 2): the caption of each picture among all captions, and the reverse."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.manifest import Manifest
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.evaluation.interface import Numbers, Subject, Test
from wordbrush.evaluation.intervals import bootstrap, percent, percent_of
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
        values["ways"] = both_ways_apart(material, subject)
    return values, {"recall_10": interval}


def both_ways_apart(material: Material, subject: Subject) -> Ways:
    """Each direction by itself, with intervals: a picture is drawn with all its captions."""
    images = material.pairs.manifest.images[material.samples]
    pictures = np.unique(images)
    ranks = ranks_of(subject.scores, material.pairs.manifest, material.samples).numpy()
    of_pictures, of_captions = np.split(ranks, [len(pictures)])
    rows = np.searchsorted(pictures, images)
    return {
        "pictures": _way(material, of_captions, rows, len(pictures)),
        "captions": _way(material, of_pictures, np.arange(len(pictures)), len(images)),
    }


def _way(material: Material, ranks: np.ndarray, pictures: np.ndarray, candidates: int) -> WayRecall:
    """ranks [Q] of queries; pictures [Q]: which picture, from 0, each query belongs to."""
    params, trials = material.params, np.bincount(pictures)
    found: dict[RecallLevel, Estimate] = {}
    for k in RECALL_LEVELS:
        hits = np.bincount(pictures, ranks <= int(k))
        interval = bootstrap(
            np.stack([hits, trials]), percent_of, params.evaluation.bootstrap, params.seed
        )
        value = round(100 * float(hits.sum() / trials.sum()), 2)
        found[k] = {"value": value, "low": interval["low"], "high": interval["high"]}
    return {"recall": found, "median_rank": float(np.median(ranks)), "candidates": candidates}


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
