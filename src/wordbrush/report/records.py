"""The JSON files that the pages read: their shapes, and that they name samples which exist.

Loads no torch.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from wordbrush.concepts.store import Share, require_known
from wordbrush.evaluation.results import ConceptTables, EngineTables, GroupScores
from wordbrush.storage.files import read_json, require_counts
from wordbrush.storage.validation import Count, Finite, Natural


class GridFile(TypedDict):
    """grids.json: when each sample grid was drawn, and up to which resolution the GAN had grown."""

    kimg: Annotated[list[Finite], Field(min_length=1)]
    resolution: list[Count]


class Word(TypedDict):
    """A spoken word, in seconds."""

    word: str
    start: Finite
    end: Finite


class Edits(TypedDict):
    """Where each shown picture was edited, as shares of it, and the concepts that were edited."""

    cells: list[tuple[Share, Share]]
    clusters: list[Natural] | None


EDIT_KINDS: tuple[Literal["random", "targeted"], ...] = ("random", "targeted")


class EditKinds(TypedDict, total=False):
    """The edits that the data has."""

    random: Edits
    targeted: Edits


class WordMap(TypedDict):
    """A word of one of the examples, whose map is in word_maps.npy."""

    example: Natural
    word: str


class ExampleFile(TypedDict):
    """examples.json: what evaluate shows of the test.

    best: the method that matchmaps and retrievals are of. samples: the captions. pictures: of which
    each tells. selected: the pictures that it retrieved.
    lengths: of the captions, in feature frames.
    """

    best: str
    samples: Annotated[list[Natural], Field(min_length=1)]
    pictures: list[Natural]
    selected: list[Natural]
    lengths: list[Count]
    texts: list[str]
    words: list[list[Word]]
    edits: EditKinds
    maps: list[WordMap]


def read_examples(folder: Path, captions: int, pictures: int) -> ExampleFile:
    """The shown examples, which are among so many captions of so many pictures."""
    path = folder / "examples.json"
    examples = read_json(path, ExampleFile)
    counts = {
        f"{kind}_edits": len(edits["cells"])
        for kind in EDIT_KINDS
        if (edits := examples["edits"].get(kind))
    }
    if targeted := examples["edits"].get("targeted"):
        counts["clusters"] = len(targeted["clusters"] or [])
    require_counts(
        path,
        samples=len(examples["samples"]),
        pictures=len(examples["pictures"]),
        selected=len(examples["selected"]),
        lengths=len(examples["lengths"]),
        texts=len(examples["texts"]),
        spoken=len(examples["words"]),
        **counts,
    )
    require_known(path, captions, examples["samples"])
    require_known(path, pictures, (*examples["pictures"], *examples["selected"]), "picture")
    require_known(
        path, len(examples["samples"]), (one["example"] for one in examples["maps"]), "example"
    )
    return examples


def read_engine_scores(folder: Path, method: str) -> GroupScores:
    """How a method understands every engine; empty where no groups of voices were measured."""
    path = folder / "engines.json"
    return read_json(path, EngineTables).get(method, {}) if path.is_file() else {}


def read_concepts(folder: Path) -> ConceptTables:
    """What units and concepts stand for."""
    return read_json(folder / "concepts.json", ConceptTables)
