"""What linear maps of plain features reach, trained on the same pairs: regression, and CCA.

Regression predicts what is seen from what is heard or read, so text and sound meet in the space of
pictures. CCA (Hotelling 1936) correlates two senses at a time, and has no space for a third.
"""

from collections.abc import Mapping

import numpy as np
import torch

from wordbrush.data.images import fitted
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import PARTNERS, Sense

CELLS = 8  # along a side of a picture
RIDGE = 0.1  # beside features of deviation 1
DIMENSIONS = 32  # of CCA
BATCH = 256  # cases
Spaces = dict[str, list[Mapping[Sense, np.ndarray]]]
"""By method, spaces in which some senses meet: vectors [N, D] of N cases in each of these."""


def plain(cases: Cases, sense: Sense, numbers: np.ndarray) -> np.ndarray:
    """Features of these cases without any learning: float64 [N, F].

    Of pictures, the mean colour of 8×8 cells; of sounds, the mean and the maximum of each band over
    time; of sentences, how often each word is said.
    """
    parts = [
        plain_batch(cases, sense, some)
        for some in np.split(numbers, range(BATCH, len(numbers), BATCH))
    ]
    return np.concatenate(parts).astype(np.float64)


def plain_batch(cases: Cases, sense: Sense, numbers: np.ndarray) -> np.ndarray:
    if sense == "text":
        count = int(cases.sentences.max()) + 1
        return np.stack([np.bincount(row, minlength=count)[1:] for row in cases.sentences[numbers]])
    if sense == "picture":
        (pictures,) = cases.take(sense, numbers)
        return fitted(pictures, CELLS).flatten(1).numpy()
    sounds, lengths = cases.take(sense, numbers)
    mean = sounds.sum(2) / lengths[:, None]  # what is behind a sound is 0
    return torch.cat([mean, sounds.amax(2)], 1).numpy()


class Scaler:
    """Features less their mean, by their deviation; those that never change are 0."""

    def __init__(self, features: np.ndarray):
        self.mean, deviation = features.mean(0), features.std(0)
        self.factor = np.where(deviation > 1e-6, 1 / np.maximum(deviation, 1e-6), 0.0)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) * self.factor


def linear_regression(cases: Cases, *chosen: np.ndarray) -> list[Mapping[Sense, np.ndarray]]:
    """For each of several sets of cases, the plain features of pictures, and those predicted from
    the other senses."""
    see = Scaler(plain(cases, "picture", np.concatenate(list(cases.paired.values()))))
    spaces: list[dict[Sense, np.ndarray]] = [
        {"picture": see(plain(cases, "picture", numbers))} for numbers in chosen
    ]
    for sense in PARTNERS:
        known = cases.paired[sense]
        own = Scaler(features := plain(cases, sense, known))
        inputs, outputs = own(features), see(plain(cases, "picture", known))
        gram = inputs.T @ inputs / len(known) + RIDGE * np.eye(inputs.shape[1])
        weights = np.linalg.solve(gram, inputs.T @ outputs / len(known))
        for space, numbers in zip(spaces, chosen, strict=True):
            space[sense] = own(plain(cases, sense, numbers)) @ weights
    return list(spaces)


def cca(cases: Cases, sense: Sense, *chosen: np.ndarray) -> list[Mapping[Sense, np.ndarray]]:
    """For each of several sets of cases, what correlates most between pictures and this sense."""
    known = cases.paired[sense]
    scalers, roots, features = {}, {}, {}
    both: tuple[Sense, Sense] = ("picture", sense)
    for one in both:
        scalers[one] = Scaler(found := plain(cases, one, known))
        features[one] = scalers[one](found)
        covariance = features[one].T @ features[one] / len(known)
        values, vectors = np.linalg.eigh(covariance + RIDGE * np.eye(len(covariance)))
        roots[one] = vectors / np.sqrt(values) @ vectors.T
    crossed = features["picture"].T @ features[sense] / len(known)
    left, strengths, right = np.linalg.svd(roots["picture"] @ crossed @ roots[sense])
    count = min(DIMENSIONS, len(strengths))
    ways = {
        "picture": roots["picture"] @ left[:, :count] * strengths[:count],
        sense: roots[sense] @ right[:count].T * strengths[:count],
    }
    return [
        {one: scalers[one](plain(cases, one, numbers)) @ ways[one] for one in both}
        for numbers in chosen
    ]


def spaces_of(cases: Cases, *chosen: np.ndarray) -> Spaces:
    """The spaces of all baselines, each for several sets of cases."""
    return {
        "linear regression": linear_regression(cases, *chosen),
        **{f"CCA, picture and {sense}": cca(cases, sense, *chosen) for sense in PARTNERS},
    }
