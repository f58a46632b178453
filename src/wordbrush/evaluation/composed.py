"""Numbers of composition in short, and as people read them; the tests are in composition.py.

Loads no torch.
"""

from typing import Literal, NamedTuple

from wordbrush.data.composition import Medium
from wordbrush.evaluation.results import ComposedShort, Composition, Measured, PairScores, ShortName

Test = Literal["wrong_words", "exchanges", "hard_positives"]
Score = Literal["choice", "text", "image", "group"]
SCORES: tuple[Score, ...] = ("choice", "text", "image", "group")
MEDIA: tuple[Medium, ...] = ("drawings", "scenes")


class Shown(NamedTuple):
    """A number that stands for many: its title, and of which test, kind and score it is."""

    title: str
    test: Test
    kind: str
    score: Score = "choice"


SHOWN: dict[ShortName, Shown] = {
    "wrong_words": Shown("one word wrong", "wrong_words", "attributes"),
    "attributes": Shown("attributes exchanged", "exchanges", "attributes"),
    "relations": Shown("relations exchanged", "exchanges", "relations"),
    "hard_positives": Shown("said otherwise", "hard_positives", "all"),
    "attributes_group": Shown("group: attributes", "exchanges", "attributes", "group"),
    "relations_group": Shown("group: relations", "exchanges", "relations", "group"),
}


def score_of(scores: PairScores | None, name: Score) -> Measured | None:
    """A score of a kind, where it was measured."""
    return scores.get(name) if scores else None


def in_short(composition: Composition) -> ComposedShort:
    """The numbers of SHOWN that there are."""
    short: ComposedShort = {}
    for medium in MEDIA:
        for name, (_, test, kind, score) in SHOWN.items():
            kinds = composition.get(test, {}).get(medium, {})
            if found := score_of(kinds.get(kind), score):
                short.setdefault(medium, {})[name] = found
    return short


def titled(short: ComposedShort) -> dict[str, Measured]:
    """The same numbers by their titles: 'relations exchanged, scenes'."""
    return {
        f"{SHOWN[name].title}, {medium}": one
        for medium, numbers in short.items()
        for name, one in numbers.items()
    }
