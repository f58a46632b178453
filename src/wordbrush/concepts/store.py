"""Discovered concepts at rest: written by cluster-units, read by all that edits, measures or shows.

Loads no torch, so that pages can be made without it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from typing_extensions import TypedDict

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import open_array, read_json, require_counts, write_json
from wordbrush.storage.validation import Finite, Natural

Share = Annotated[float, Field(ge=0, le=1)]


class Picture(TypedDict):
    """A picture in which a concept is active, and the middle of the cell, as shares of its size."""

    sample: Natural
    y: Share
    x: Share


class Stretch(TypedDict):
    """A stretch of a caption in which a concept is active, in seconds."""

    sample: Natural
    start: Finite
    end: Finite


class ConceptRecord(TypedDict):
    """What is known of a concept.

    units: of the embedding. gan_units: the generator's units that agree with it best, with the IoU
    of each in `agreement`, best first; none where nothing draws. pictures, sounds: examples, the
    most active first.
    """

    units: Annotated[list[Natural], Field(min_length=1)]
    gan_units: list[Natural]
    agreement: list[Finite]
    pictures: Annotated[list[Picture], Field(min_length=1)]
    sounds: list[Stretch]


class ConceptFile(TypedDict):
    """clusters.json"""

    clusters: Annotated[list[ConceptRecord], Field(min_length=1)]


@dataclass(frozen=True)
class ConceptSet:
    """The K concepts of an embedding with D units and a generator with C units in the edited layer.

    members: float32 [K, D], the weights that average over the units of each concept. scale: float32
    [D], the deviation of each unit in pictures. ranks: int64 [K, C], the rank of each generator
    unit by its agreement with the concept, the best 0; C is 0 where nothing draws. records: what is
    known of each concept.
    """

    members: np.ndarray
    scale: np.ndarray
    ranks: np.ndarray
    records: list[ConceptRecord]

    def save(self, folder: Path) -> None:
        """Write members.npy, scale.npy, clusters.json, and where something draws ranks.npy."""
        np.save(folder / "members.npy", self.members)
        np.save(folder / "scale.npy", self.scale)
        if self.ranks.size:
            np.save(folder / "ranks.npy", self.ranks)
        write_json(folder / "clusters.json", {"clusters": self.records})

    @classmethod
    def load(
        cls, folder: Path, pictures: int | None = None, captions: int | None = None
    ) -> "ConceptSet":
        """Read what `save` wrote. pictures, captions: how many there are, of which examples are.

        Raises WordbrushError where a file is missing or damaged, where files do not fit each other,
        or where an example is none of the pictures or captions.
        """
        path = folder / "clusters.json"
        records = read_json(path, ConceptFile)["clusters"]
        ranks = np.zeros((len(records), 0), np.int64)
        if any(record["gan_units"] for record in records):
            ranks = np.array(open_array(folder / "ranks.npy", "int64", (None, None)))
        members = np.array(open_array(folder / "members.npy", "float32", (len(ranks), None)))
        scale = np.array(open_array(folder / "scale.npy", "float32", (members.shape[1],)))
        require_counts(folder, records=len(records), concepts=len(members))
        shown = (one["sample"] for record in records for one in record["pictures"])
        heard = (one["sample"] for record in records for one in record["sounds"])
        if pictures is not None:
            require_known(path, pictures, shown, "picture")
        if captions is not None:
            require_known(path, captions, heard, "caption")
        return cls(members, scale, ranks, records)


def require_known(path: Path, count: int, named: Iterable[int], kind: str = "sample") -> None:
    """Raises WordbrushError where a number in the file at `path` is none of so many things."""
    if (greatest := max(named, default=0)) >= count:
        raise WordbrushError(
            f"{path} names the {kind} {greatest}, but there are {count}. Make it again: dvc repro."
        )
