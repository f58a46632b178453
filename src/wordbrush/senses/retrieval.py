"""How well one sense finds what another takes in of the same case: the median rank."""

from collections.abc import Mapping

import numpy as np
import torch

from wordbrush.davenet.retrieval import ranks
from wordbrush.evaluation.intervals import bootstrap, estimate
from wordbrush.evaluation.results import Estimate
from wordbrush.senses.config import Sense
from wordbrush.senses.losses import cosines
from wordbrush.senses.names import WAYS, way


def ranks_of(asked: np.ndarray, found: np.ndarray) -> np.ndarray:
    """The rank, from 1, of each row [N, D]'s own partner among all, by the cosine: int64 [N]."""
    return ranks(cosines(torch.from_numpy(asked), torch.from_numpy(found))).numpy()


def median_ranks(
    units: Mapping[Sense, np.ndarray], resamples: int, seed: int
) -> dict[str, Estimate]:
    """The median rank of each direction between the senses that there are, with its interval."""
    return {
        way(one, other): median_rank(ranks_of(units[one], units[other]), resamples, seed)
        for one, other in WAYS
        if one in units and other in units
    }


def median_rank(found: np.ndarray, resamples: int, seed: int) -> Estimate:
    return estimate(float(np.median(found)), bootstrap(found, np.median, resamples, seed))
