"""The shapes of metrics/evaluation.json, metrics/concepts.json and data/evaluation/concepts.json.

They hold what was measured: a test whose needs the data does not meet leaves no number.
"""

from typing import Annotated, Literal, NotRequired, get_args

from pydantic import AfterValidator, Field
from typing_extensions import TypedDict

from wordbrush.data.composition import Medium
from wordbrush.errors import WordbrushError
from wordbrush.storage.validation import Count, Finite, Natural


class Interval(TypedDict):
    low: Finite
    high: Finite


RecallLevel = Literal["1", "5", "10"]
"""The k of recall@k, as JSON has it."""
RECALL_LEVELS: tuple[RecallLevel, ...] = get_args(RecallLevel)
Recall = TypedDict("Recall", {"1": Finite, "5": Finite, "10": Finite})
"""Percent of queries whose partner is among the first k."""


def _with_mean(semantic: dict[str, float]) -> dict[str, float]:
    if "mean" not in semantic:
        raise ValueError("the mean is missing")
    return semantic


Semantic = Annotated[dict[str, Finite], AfterValidator(_with_mean)]
"""The accuracy of each attribute, and their mean."""


class Estimate(Interval):
    """A number, with its 95 % interval over the cases that were measured, such as voices; low and
    high of one case are its own value."""

    value: Finite


class GroupSummary(TypedDict):
    """How a group of voices (params.GROUPS) is understood, in percent.

    semantic: the mean of the semantic test. recall_10: of whole captions, which each look for their
    picture.
    """

    voices: Count
    semantic: NotRequired[Estimate]
    recall_10: Estimate


class Intervals(TypedDict):
    """95 % intervals."""

    recall_10: Interval
    semantic: NotRequired[dict[str, Interval]]
    real_images: NotRequired[Interval]
    edit_success: NotRequired[Interval]


class Validation(TypedDict):
    """What choices between methods are made by; the tests stay for the method that was chosen."""

    recall: Recall


class WayRecall(TypedDict):
    """Recall in one direction of retrieval, by k, each with its 95 % interval over pictures, and
    the median rank. chance: of candidates in random order. candidates: among how many."""

    recall: dict[RecallLevel, Estimate]
    chance: dict[RecallLevel, Finite]
    median_rank: Finite
    candidates: Count


class Ways(TypedDict):
    """Retrieval in each direction, of which several answers may be right: a picture has several
    captions. pictures: that captions find; captions: that pictures find."""

    pictures: WayRecall
    captions: WayRecall


class Measured(Interval):
    """Percent, with its 95 % interval, and what chance gives."""

    value: Finite
    chance: Finite


class PairScores(TypedDict):
    """Of pairs of captions that differ by one fact, in percent (evaluation/composition.py).

    choice: a picture fits its own caption better. text, image, group: Winoground's scores, where
    there are two pictures, too.
    """

    pairs: Count
    choice: Measured
    text: NotRequired[Measured]
    image: NotRequired[Measured]
    group: NotRequired[Measured]


Kinds = dict[str, PairScores]
"""By what is wrong, exchanged or said otherwise, and of kinds together."""


class Composition(TypedDict, total=False):
    """What a method hears of composition, on drawings and on rendered scenes.

    wrong_words: of captions with one word wrong. exchanges: after two objects exchanged one thing.
    hard_positives: by how the same facts are said.
    """

    wrong_words: dict[Medium, Kinds]
    exchanges: dict[Medium, Kinds]
    hard_positives: dict[Medium, Kinds]


CompositionTables = dict[str, Composition]
"""data/evaluation/composition.json: the scores of each method, by its name."""
ShortName = Literal[
    "wrong_words",
    "attributes",
    "relations",
    "hard_positives",
    "attributes_group",
    "relations_group",
]
ComposedShort = dict[Medium, dict[ShortName, Measured]]
"""The numbers that stand for many (composed.SHOWN)."""


class CodebookScores(TypedDict):
    """What a codebook makes of the test captions.

    codes, used: how many there are, and how many were chosen. perplexity: of their use. bitrate:
    bits a second, of the entropy of their use at the frames' rate. abx: the error in percent of the
    codes' vectors. word_f1: the mean of the best words' F1 by their best codes. words: how many
    count; detected: of these, with an F1 of 50 or more.
    """

    codes: Count
    used: Natural
    perplexity: Finite
    bitrate: Finite
    abx: NotRequired[Estimate]
    word_f1: NotRequired[Finite]
    words: NotRequired[Natural]
    detected: NotRequired[Natural]


class LayerScores(TypedDict):
    """What a layer of the audio network hears.

    frame_ms: from one of its frames to the next. abx: the error in percent, chance 50, with its
    interval over pairs of phones; of what its codebook is given, where it has one.
    """

    frame_ms: Finite
    abx: NotRequired[Estimate]
    codebook: NotRequired[CodebookScores]


Units = dict[str, LayerScores]
"""By layer, from "1"; "features" stands for what the network is given."""


class Translation(TypedDict):
    """From one language to another, through pictures.

    captions: that find the captions of the same pictures. words: percent of words whose nearest
    word means the same.
    """

    captions: WayRecall
    words: NotRequired[Measured]


class LanguageScores(TypedDict):
    """What a method makes of several languages, in percent.

    speech: recall@10 of pictures, by language. translations: by pair, as "en to de". clusters:
    concepts that mean the same in all languages.
    """

    speech: dict[str, Estimate]
    translations: dict[str, Translation]
    clusters: NotRequired[Measured]


class Result(TypedDict):
    """The numbers of a method, in percent but for the median rank.

    edit_success: None where no edits trained the method. validation: missing in results of versions
    that chose by the tests. groups: by group of voices, where other engines speak.
    ways: of collections; known: the same of pictures that training saw, by set (known.py).
    composition: where there is speech for it. units: where there are codes.
    languages: where there are several.
    """

    recall: Recall
    median_rank: Finite
    intervals: Intervals
    semantic: NotRequired[Semantic]
    real_images: NotRequired[Finite]
    edit_success: NotRequired[Finite | None]
    validation: NotRequired[Validation]
    groups: NotRequired[dict[str, GroupSummary]]
    ways: NotRequired[Ways]
    known: NotRequired[dict[str, Ways]]
    composition: NotRequired[ComposedShort]
    units: NotRequired[Units]
    languages: NotRequired[LanguageScores]


Results = Annotated[dict[str, Result], Field(min_length=1)]
"""metrics/evaluation.json: the numbers of each method, by its name."""


def best_method(results: Results) -> str:
    """The name of the method with the best recall@10 on validation; of equals, the first.

    Raises WordbrushError where a method has no validation scores.
    """
    for name, result in results.items():
        if "validation" not in result:
            raise WordbrushError(
                f"the results of {name} have no validation scores to choose by. Measure again: "
                "dvc repro evaluate."
            )
    return max(results, key=lambda name: results[name]["validation"]["recall"]["10"])


class MapScores(TypedDict):
    """Where and when a method's matchmaps fire.

    None where the test samples have nothing to measure a number on.
    pointing: at the time of an attribute word, the strongest pixel of the map lies on an object
    that the word fits (chance: of all pixels). contested: the same where there is an object that it
    does not fit (chance: of all pixels on objects). overlap: IoU of the map and these objects
    (chance: a map that fires everywhere). naming: the map of an object fires most while it is
    named, in pictures with two or more (chance: of all frames).
    """

    pointing: NotRequired[Measured | None]
    contested: NotRequired[Measured | None]
    overlap: NotRequired[Measured | None]
    naming: NotRequired[Measured | None]


class WordScores(MapScores):
    """What a method's matchmaps and units know of single words.

    word_f1: the mean over attribute words of the best unit's F1; of a collection, over all words
    that are said often. detected: how many of them have an F1 of 50 or more.
    """

    word_f1: Finite
    detected: Natural


class ClusterScores(TypedDict):
    """What the concepts of one mining mean.

    seen_f1, heard_f1: the mean best F1 for values that are seen and that are said. agreement:
    percent of concepts with one meaning in pictures and speech, and what chance gives.
    """

    seen_f1: Finite
    heard_f1: Finite
    agreement: Finite
    agreement_chance: Finite


class WordsKnown(TypedDict):
    """Of a collection: of how many test captions the words are known, out of how many; and whether
    they are timed. The others are left out."""

    captions: Count
    of: Count
    timed: bool


class ConceptMetrics(TypedDict):
    """metrics/concepts.json: scores by method, and by mining.

    distinct: the recall of a listener who knows every attribute, but not where objects lie: some
    pictures are described alike. told: of one who knows all that captions tell, relations too.
    """

    words: dict[str, WordScores]
    clusters: dict[str, ClusterScores]
    known: NotRequired[WordsKnown]
    distinct: NotRequired[Recall]
    told: NotRequired[Recall]


class Hypothesis(TypedDict):
    """What a unit may stand for, in percent; and how often that is said, or in how many pictures it
    is seen."""

    label: str
    f1: Finite
    precision: Finite
    recall: Finite
    occurrences: Natural


class Detector(TypedDict):
    """A unit of the embedding and its best words, best first."""

    unit: Natural
    hypotheses: Annotated[list[Hypothesis], Field(min_length=1)]


UnitTables = dict[str, dict[str, list[Detector]]]
"""data/evaluation/units.json: of each method, by layer, all codes as word detectors, ranked."""


class Translated(TypedDict):
    """A word and the nearest word of another language. right: whether both mean one value."""

    word: str
    translation: str
    score: Finite
    right: bool


class LanguageTables(TypedDict):
    """An entry of data/evaluation/languages.json: the lexicon of a method, by pair of languages,
    and what each of its concepts means in each language."""

    lexicon: dict[str, list[Translated]]
    clusters: list[dict[str, Hypothesis]]


class Concept(TypedDict):
    """A concept: its number of units, the value it sees, the value and the word it hears.

    Of a collection, nobody says what is seen, and what is heard is the word; None where no text
    says that either.
    """

    units: Natural
    seen: Hypothesis | None
    heard: Hypothesis | None
    word: Hypothesis | None


class ConceptTables(TypedDict):
    """data/evaluation/concepts.json.

    detectors: units of the last method as word detectors, ranked. clusters: what each concept of a
    mining means, in their order. contested: contested pointing of the last method, by attribute.
    """

    detectors: list[Detector]
    clusters: dict[str, Annotated[list[Concept], Field(min_length=1)]]
    contested: dict[str, Measured | None]


class ComposedExample(TypedDict):
    """An entry of data/evaluation/composed.json: a case of two scenes, of which the first text
    tells of the first. scores: of each picture (row) with each text."""

    test: Literal["wrong_words", "exchanges"]
    kind: str
    texts: Annotated[list[str], Field(min_length=2, max_length=2)]
    scores: Annotated[
        list[Annotated[list[Finite], Field(min_length=2, max_length=2)]],
        Field(min_length=2, max_length=2),
    ]


class VoiceScores(TypedDict):
    """How a voice is understood: the semantic test, and recall of pictures by whole captions."""

    semantic: NotRequired[Semantic]
    recall: NotRequired[Recall]


class WordsHeard(MapScores):
    """What is known of single words in the captions of an engine.

    word_f1, detected: as in `WordScores`. detectors: the best units as word detectors, of one
    method alone.
    """

    word_f1: Estimate
    detected: Natural
    detectors: NotRequired[list[Detector]]


class EngineScores(WordsHeard):
    """How an engine of a group is understood, in percent.

    voices: each by its name. captions: how many all voices spoke together. semantic, recall: means
    over voices.
    """

    voices: Annotated[dict[str, VoiceScores], Field(min_length=1)]
    captions: Count
    semantic: NotRequired[dict[str, Estimate]]
    recall: dict[RecallLevel, Estimate]


GroupScores = dict[str, dict[str, EngineScores]]
"""By group of voices, and by engine."""
EngineTables = dict[str, GroupScores]
"""data/evaluation/engines.json: the scores of each method, by its name."""

GROUP_TITLES = {
    "training": "training",
    "held_out": "held-out voices",
    "validation": "validation",
    "test": "test",
}
"""Groups of voices (params.GROUPS) as people read them."""
