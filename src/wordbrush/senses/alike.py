"""Units that respond alike to what is seen, heard and read of the same thing."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
from typing_extensions import TypedDict

from wordbrush.senses.config import SENSES, Sense
from wordbrush.storage.validation import Finite, Natural


class AlikeUnit(TypedDict):
    """A unit, the least of the correlations of its responses in two senses over the test cases, and
    the cases that excite it most in each sense."""

    unit: Natural
    correlation: Finite
    cases: dict[Sense, list[Natural]]


def alike_units(
    units: Mapping[Sense, np.ndarray], numbers: np.ndarray, count: int, examples: int
) -> list[AlikeUnit]:
    """The units whose responses in the three senses agree most, the best first.

    units: [N, D] of each sense. numbers: int64 [N], of the cases. A unit that is silent in a sense
    agrees with nothing.
    """
    responses = {sense: standardised(units[sense]) for sense in SENSES}
    agreement = np.min(
        [(responses[one] * responses[other]).mean(0) for one, other in combinations(SENSES, 2)],
        axis=0,
    )

    def most(sense: Sense, unit: int) -> list[int]:
        order = np.argsort(-units[sense][:, unit], kind="stable")
        return numbers[order[:examples]].tolist()

    return [
        {
            "unit": int(unit),
            "correlation": round(float(agreement[unit]), 4),
            "cases": {sense: most(sense, unit) for sense in SENSES},
        }
        for unit in np.argsort(-agreement, kind="stable")[:count]
    ]


def standardised(responses: np.ndarray) -> np.ndarray:
    """Of mean 0 and deviation 1 over N cases, each unit of [N, D]; 0 where it never changes."""
    deviation = responses.std(0)
    return np.where(deviation > 1e-6, (responses - responses.mean(0)) / (deviation + 1e-12), 0.0)
