"""Retrieval (P Table 2): the caption of each picture among all captions, and the reverse."""

import numpy as np
from torch import Tensor

from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.evaluation.interface import Numbers, Subject, Test
from wordbrush.evaluation.intervals import bootstrap, percent
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.results import Recall, Validation


def run(material: Material, subject: Subject) -> Numbers:
    """Recall in percent and the median rank, both directions together."""
    ranks, params = both_ways(subject.scores), material.params
    found = (ranks <= 10).float().numpy()
    interval = bootstrap(found, percent, params.evaluation.bootstrap, params.seed)
    values = {"recall": recalls(ranks), "median_rank": float(ranks.float().quantile(0.5))}
    return values, {"recall_10": interval}


def recalls(ranks: Tensor) -> Recall:
    """Percent of ranks [N] within the first 1, 5 and 10."""
    return {str(k): round(recall(ranks, k), 2) for k in (1, 5, 10)}


def validate(material: Material, encoders: Encoders, samples: range) -> Validation:
    """Recall on validation pairs, by which methods are chosen."""
    features = encode_pairs(encoders, material.pairs, np.asarray(samples))
    scores = all_similarities(*features, encoders.config.similarity)
    return {"recall": recalls(both_ways(scores))}


TEST = Test(lambda material: True, run)
