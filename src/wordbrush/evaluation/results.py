"""The shape of metrics/evaluation.json: one entry a method."""

from typing import NotRequired

from typing_extensions import TypedDict

from wordbrush.evaluation.paper import METHODS
from wordbrush.runtime.validation import Finite
from wordbrush.scenes.world import ATTRIBUTES


class Interval(TypedDict):
    low: Finite
    high: Finite


Semantic = TypedDict("Semantic", {name: Finite for name in (*ATTRIBUTES, "mean")})
Recall = TypedDict("Recall", {"1": Finite, "5": Finite, "10": Finite})
SemanticIntervals = TypedDict("SemanticIntervals", {name: Interval for name in ATTRIBUTES})


class Intervals(TypedDict):
    """95 % intervals."""

    semantic: SemanticIntervals
    recall_10: Interval
    real_images: Interval
    edit_success: NotRequired[Interval]


class Result(TypedDict):
    """A method's numbers, in percent but for the median rank; `edit_success` of those with edits."""

    semantic: Semantic
    recall: Recall
    median_rank: Finite
    real_images: Finite
    edit_success: Finite | None
    intervals: Intervals


Results = TypedDict("Results", {name: Result for name in METHODS})
