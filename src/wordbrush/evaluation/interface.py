"""What a test is: what it needs of the material, and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from torch import Tensor

from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.evaluation.intervals import bootstrap, percent
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.methods import Method
from wordbrush.params import Params

T = TypeVar("T")
Features = tuple[Encoded, Encoded]
"""Of pictures, [N, D, h, w], and of speech, [N, D, t]."""
Numbers = tuple[dict[str, Any], dict[str, Any]]
"""Values in percent and their 95 % intervals, as results.Result and results.Intervals hold them."""


@dataclass(frozen=True)
class Subject:
    """Encoders under test, and what they make of the material's samples.

    method: what they were trained by; None where it is unknown. features: of the sampled captions,
    and of the picture of each. scores [N, N]: how well each picture (row) fits each caption.
    """

    method: Method | None
    encoders: Encoders
    features: Features
    scores: Tensor


def needed(one: T | None) -> T:
    """Something that is there, as `Test.fits` or the caller has made sure.

    Raises ValueError where it is not: a mistake in the program, not in the data.
    """
    if one is None:
        raise ValueError("a test runs without what it needs: ask whether it fits first")
    return one


@dataclass(frozen=True)
class Test:
    """A test of encoders, which runs where the material has what it needs.

    name, needs: for people.
    """

    name: str
    needs: str
    fits: Callable[[Material], bool]
    run: Callable[[Material, Subject], Numbers]


def percent_true(name: str, outcomes: np.ndarray, params: Params) -> Numbers:
    """Percent of `outcomes` [N] that are true, as the numbers of a test with this name."""
    outcomes = outcomes.astype(float)
    interval = bootstrap(outcomes, percent, params.evaluation.bootstrap, params.seed)
    return {name: round(100 * float(outcomes.mean()), 2)}, {name: interval}
