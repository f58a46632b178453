"""What a source of recordings holds: utterances with picture and sound, and its faults.

A reader yields an `Utterance` or a `Fault` for each row of its lists, in their order. It opens no
picture and no sound: `examining.py` does, in parallel.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from typing_extensions import TypedDict


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row is written: in which file, at which line or as which entry, both from 1.

    file: relative to the source. entry: in JSON, of the list; in tables, the row.
    """

    file: str
    line: int | None = None
    entry: int | None = None

    def __str__(self) -> str:
        line = f", line {self.line}" if self.line is not None else ""
        entry = f", entry {self.entry}" if self.entry is not None else ""
        return f"{self.file}{line}{entry}"


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with a row.

    kind: one of few words, by which faults are counted. detail: what it is, for people. lost:
    whether the row is left out; otherwise it is kept, perhaps changed.
    """

    place: Place
    kind: str
    detail: str
    lost: bool = True


class Unusable(Exception):
    """A picture or sound that cannot be used: in one of few words, and in detail."""

    def __init__(self, kind: str, detail: str):
        super().__init__(kind, detail)
        self.kind, self.detail = kind, detail


class Media(Protocol):
    """A picture or a sound of a source. Equal ones are the same; they can be hashed and sent."""

    @property
    def name(self) -> str:
        """As the source names it; its suffix says of which type it should be."""

    def stamp(self) -> tuple[int, int]:
        """Size and time of change of its file: where both are as before, so is the content.

        Raises Unusable where there is no such file, or none that may be read.
        """

    def read(self) -> bytes:
        """Its content. Raises Unusable."""


class Word(TypedDict):
    """A word and when it is spoken, in seconds."""

    word: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken description of one picture.

    speaker, language, split, text: empty where the source does not say. split: the source's own
    name. words: of `pack`.
    """

    place: Place
    id: str
    picture: Media
    sound: Media
    speaker: str = ""
    language: str = ""
    split: str = ""
    text: str = ""
    words: str = ""


def pack(words: Sequence[Word]) -> str:
    """Words as one text, empty for none: dictionaries of 400,000 captions would fill the memory."""
    listed = [[word["word"], word["start"], word["end"]] for word in words]
    return json.dumps(listed, ensure_ascii=False, separators=(",", ":")) if listed else ""


def unpack(packed: str) -> list[Word]:
    """What `pack` packed."""
    listed = json.loads(packed) if packed else []
    return [{"word": word, "start": start, "end": end} for word, start, end in listed]
