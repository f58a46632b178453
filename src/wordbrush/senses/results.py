"""The shapes of metrics/senses.json and of units.json in data/senses."""

from typing import NotRequired

from typing_extensions import TypedDict

from wordbrush.evaluation.results import Estimate
from wordbrush.storage.validation import Finite, Natural

UNITS = "units.json"  # in data/senses: a list of ShownUnit

Cells = dict[str, Estimate]


class Aligned(TypedDict):
    """ranks: the median rank of each direction (names.way). zero_shot: percent right of each
    cell (names.cell), by attribute and as `mean`. Both lack what a method cannot do."""

    ranks: Cells
    zero_shot: dict[str, Cells]


class SensesMetrics(TypedDict):
    """cases: pairs of the test among which each is found; 0 where senses.loss is none, and then
    there is nothing else. ours: of the trained network; baselines: by name. unheard: how often a
    classifier is right of colours that knows the number of objects and all their other values; of
    impacts alone."""

    cases: Natural
    ours: NotRequired[Aligned]
    baselines: NotRequired[dict[str, Aligned]]
    unheard: NotRequired[Estimate]


class ShownUnit(TypedDict):
    """A unit that responds alike to the three senses, and what excites it most in each: the numbers
    of samples, texts, and the names of sounds in data/senses."""

    unit: Natural
    correlation: Finite
    pictures: list[Natural]
    texts: list[str]
    sounds: list[str]
