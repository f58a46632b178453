"""The cases of composition.json, in which one of two captions differs by one fact."""

from typing import Literal

from typing_extensions import TypedDict

from wordbrush.storage.validation import Natural

Medium = Literal["drawings", "scenes"]
Composed = Literal["wrong_words", "exchanges"]
Positive = Literal["synonym", "voice", "order"]
"""How a caption can say the same facts: in other words, by another voice, in another order."""


class Case(TypedDict):
    """Two captions of a picture, of which the wrong one differs by one fact.

    on: whether `picture` is the number of a drawing, or of a pair of rendered scenes, of which the
    right caption tells of the first and the wrong one of the second. test: one word is wrong, or
    two objects have exchanged one thing; the pairs of the two are other lists. kind: which
    attribute, or which axis of places. right, wrong, positives: numbers of lines.
    """

    on: Medium
    test: Composed
    kind: str
    picture: Natural
    right: Natural
    wrong: Natural
    positives: dict[Positive, Natural]


class SpokenLine(TypedDict):
    """A text, and the voice that speaks it."""

    text: str
    voice: str


class CompositionFile(TypedDict):
    """composition.json: the lines of its folder, in their order, and the cases that name them."""

    lines: list[SpokenLine]
    cases: list[Case]
