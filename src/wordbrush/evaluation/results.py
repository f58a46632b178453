"""The shapes of metrics/evaluation.json (one entry a method), metrics/concepts.json and data/evaluation/concepts.json."""

from typing import Annotated, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from wordbrush.evaluation.paper import METHODS
from wordbrush.params import MININGS
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.validation import Finite, Natural


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


class Measured(Interval):
    """Percent, with its 95 % interval, and what chance gives."""

    value: Finite
    chance: Finite


class WordScores(TypedDict):
    """What a method's matchmaps and units know of single words (None: the test samples have nothing to measure it on).

    pointing: at an attribute word's time, the greatest place lies on an object that it fits (chance: of all places). contested:
    the same where there is an object that it does not fit (chance: of all places on objects). overlap: IoU of map and these
    objects (chance: a map that fires everywhere). naming: an object's place fires most while it is named, in pictures with two or
    more (chance: of all moments). word_f1: the mean over attribute words of the best unit's F1. detected: words with 50 or more.
    """

    pointing: Measured | None
    contested: Measured | None
    overlap: Measured | None
    naming: Measured | None
    word_f1: Finite
    detected: Natural


class ClusterScores(TypedDict):
    """Mean best F1 of a model's clusters for values that are seen and that are said, and percent of clusters that mean one value
    to eye and ear, with what chance gives."""

    seen_f1: Finite
    heard_f1: Finite
    agreement: Finite
    agreement_chance: Finite


class ConceptMetrics(TypedDict):
    """`distinct`: the recall of a listener who knows every attribute, but no places: some pictures are described alike."""

    distinct: Recall
    words: TypedDict("words", {name: WordScores for name in METHODS})
    clusters: TypedDict("clusters", {mining: ClusterScores for mining in MININGS})


class Hypothesis(TypedDict):
    """What a unit may stand for, in percent; and how often that is said, or in how many pictures it is seen."""

    label: str
    f1: Finite
    precision: Finite
    recall: Finite
    occurrences: Natural


class Detector(TypedDict):
    """A unit of the embedding and its best words, best first."""

    unit: Natural
    hypotheses: Annotated[list[Hypothesis], Field(min_length=1)]


class Concept(TypedDict):
    """A cluster: how many units it has, which value it sees, which value and which word it hears."""

    units: Natural
    seen: Hypothesis
    heard: Hypothesis
    word: Hypothesis


class ConceptTables(TypedDict):
    """data/evaluation/concepts.json: word detectors of the full method, ranked; what each cluster means, in their order; and
    contested pointing by attribute."""

    detectors: Annotated[list[Detector], Field(min_length=1)]
    clusters: TypedDict(
        "ClusterTables",
        {mining: Annotated[list[Concept], Field(min_length=1)] for mining in MININGS},
    )
    contested: TypedDict("contested", {name: Measured | None for name in ATTRIBUTES})
