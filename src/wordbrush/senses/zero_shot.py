"""Classifiers of what is there, learned in one sense and asked in another (Aytar et al. 2017).

A linear classifier for each value of each attribute says whether it is there. It learns from the
cases of validation, which the network has not seen, and is asked about those of the test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from wordbrush.evaluation.intervals import bootstrap, estimate
from wordbrush.evaluation.results import Estimate
from wordbrush.senses.config import SENSES, Sense
from wordbrush.senses.names import cell

CHANCE = 50.0  # percent: presence and absence weigh alike
RIDGE = 0.01  # of units of length 1, beside the mean over cases


@dataclass(frozen=True)
class Labelled:
    """Units of N cases in each sense [N, D], and what is there: bool [N, A]."""

    units: Mapping[Sense, np.ndarray]
    things: np.ndarray


def classifiers(features: np.ndarray, things: np.ndarray) -> np.ndarray:
    """Weights float64 [D + 1, A] of a linear classifier for each value, by least squares.

    features: [N, D]. things: bool [N, A]. Cases with and without a value weigh alike; a
    value that all or none have is left to chance.
    """
    inputs = with_bias(features)
    weights = np.empty((inputs.shape[1], things.shape[1]))
    penalty = RIDGE * np.eye(inputs.shape[1])
    penalty[-1, -1] = 0.0
    for value, there in enumerate(things.T):
        share = there.mean()
        if share in (0.0, 1.0):
            weights[:, value] = 0.0
            continue
        weight = np.where(there, 0.5 / share, 0.5 / (1 - share))[:, None] / len(there)
        gram = inputs.T @ (weight * inputs) + penalty
        weights[:, value] = np.linalg.solve(gram, inputs.T @ (weight[:, 0] * (2.0 * there - 1)))
    return weights


def answers(weights: np.ndarray, features: np.ndarray) -> np.ndarray:
    """What these classifiers say is there: bool [N, A] of features [N, D]."""
    return with_bias(features) @ weights > 0


def with_bias(features: np.ndarray) -> np.ndarray:
    """Features [N, D] and a column of ones: float64 [N, D + 1]."""
    return np.hstack([features, np.ones((len(features), 1))])


def of_length_one(units: np.ndarray) -> np.ndarray:
    """[N, D], as cosines compare them."""
    return units / np.maximum(np.linalg.norm(units, axis=1, keepdims=True), 1e-12)


def accuracy(right: np.ndarray, things: np.ndarray, resamples: int, seed: int) -> Estimate:
    """The mean over values of how often presence and absence are told, in percent, weighed alike.

    right: bool [N, A], the answers that are true. things: bool [N, A]. A value that all or none of
    the cases have counts as left to chance.
    """

    def balanced(numbers: np.ndarray, axis: int = -1) -> np.ndarray:
        del axis  # the last one, of [..., N]
        told, there = right[numbers], things[numbers]
        with np.errstate(invalid="ignore"):
            sides = [(told & side).sum(-2) / side.sum(-2) for side in (there, ~there)]
        shares = 100 * np.mean(sides, axis=0)
        return np.where(np.isnan(shares), CHANCE, shares).mean(-1)

    numbers = np.arange(len(right))
    return estimate(float(balanced(numbers)), bootstrap(numbers, balanced, resamples, seed))


def zero_shot(
    learned: Labelled,
    asked: Labelled,
    attributes: Mapping[str, Sequence[int]],
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Estimate]]:
    """For each two senses that there are, `picture in sound` where the first was learned in, the
    accuracy of each attribute, and of all values together (`mean`).

    attributes: the columns of each one's values.
    """
    found = {}
    for one, other in product(SENSES, SENSES):
        if one in learned.units and other in asked.units:
            weights = classifiers(of_length_one(learned.units[one]), learned.things)
            told = answers(weights, of_length_one(asked.units[other]))
            found[cell(one, other)] = accuracies(told, asked.things, attributes, resamples, seed)
    return found


def accuracies(
    told: np.ndarray,
    things: np.ndarray,
    attributes: Mapping[str, Sequence[int]],
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """The accuracy of answers bool [N, A]: of each attribute, and of all values (`mean`)."""
    every = {**attributes, "mean": range(things.shape[1])}
    return {
        name: accuracy((told == things)[:, columns], things[:, columns], resamples, seed)
        for name, columns in every.items()
    }
