"""Where the pictures of an index come from, cut into items that workers look at one by one.

An item knows what decides its pictures (`key`), so that a build which was stopped, or whose folder
has grown, keeps the parts that are still right.
"""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from wordbrush.corpora import shards
from wordbrush.corpora.collection import seen_in, square
from wordbrush.corpora.pictures import BACKGROUND, TYPES, Look, picture_at
from wordbrush.errors import WordbrushError
from wordbrush.gan.sampling import LATENTS, draw, latent_blocks
from wordbrush.model import Model
from wordbrush.model.model import DRAWN
from wordbrush.storage.files import require_file

PART = 2048  # pictures of an item, a multiple of LATENTS: 17 MB of an index


@dataclass(frozen=True)
class Looked:
    """pictures: uint8 [N, S, S, 3]. latents: float32 [N, Z], of drawings, which are drawn again
    when they are shown."""

    pictures: np.ndarray
    latents: np.ndarray | None = None


class Item(ABC):
    """Some pictures of a source."""

    @property
    @abstractmethod
    def known(self) -> list[Any]:
        """What decides the pictures, as JSON."""

    @abstractmethod
    def look(self, model: Model) -> Looked:
        """The pictures. Raises WordbrushError where one cannot be read."""

    @property
    def key(self) -> str:
        """A name that changes with the pictures."""
        known = json.dumps([type(self).__name__, *self.known])
        return hashlib.sha256(known.encode()).hexdigest()[:16]


Kind = Literal["drawings", "folder", "collection"]


class Source(ABC):
    """kind and where: for the index's manifest."""

    kind: ClassVar[Kind]

    @property
    @abstractmethod
    def where(self) -> str: ...

    @abstractmethod
    def __len__(self) -> int:
        """How many pictures there are."""

    @abstractmethod
    def items(self) -> Sequence[Item]: ...


@dataclass(frozen=True)
class DrawnItem(Item):
    """Drawings number `start` to `stop` of a seed."""

    seed: int
    start: int
    stop: int

    @property
    def known(self) -> list[Any]:
        return [self.seed, self.start, self.stop]

    def look(self, model: Model) -> Looked:
        """As `Model.draw` has them."""
        count, generator = self.stop - self.start, model.drawing
        blocks = latent_blocks(generator.latent_dim, self.seed)
        first = self.start // LATENTS
        latents = [block.numpy() for block in islice(blocks, first, -(-self.stop // LATENTS))]
        every = np.concatenate(latents)
        return Looked(drawn(model, every)[:count], every[:count])


def drawn(model: Model, latents: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, S, S, 3] of latents [N, Z], to the byte as `Model.draw` has them where N
    is a multiple of DRAWN."""
    return draw(model.drawing, torch.from_numpy(latents), DRAWN)


@dataclass(frozen=True)
class Drawings(Source):
    """The first drawings of a model's generator."""

    count: int
    seed: int
    kind: ClassVar[Kind] = "drawings"

    @property
    def where(self) -> str:
        return f"seed {self.seed}"

    def __len__(self) -> int:
        return self.count

    def items(self) -> list[Item]:
        return [
            DrawnItem(self.seed, at, min(at + PART, self.count))
            for at in range(0, self.count, PART)
        ]


@dataclass(frozen=True)
class FilesItem(Item):
    """Files of a folder, with their sizes and times, by which a change shows."""

    paths: tuple[Path, ...]
    stamps: tuple[tuple[int, int], ...]

    @property
    def known(self) -> list[Any]:
        return [[path.name, *stamp] for path, stamp in zip(self.paths, self.stamps, strict=True)]

    def look(self, model: Model) -> Looked:
        look = Look(model.side, BACKGROUND)
        found = [square(picture_at(path, look).encoded()[0], model.side) for path in self.paths]
        return Looked(np.stack(found))


@dataclass(frozen=True)
class Folder(Source):
    """The pictures of a folder, in the order of their names."""

    folder: Path
    paths: tuple[Path, ...]
    kind: ClassVar[Kind] = "folder"

    @classmethod
    def at(cls, folder: Path, most: int | None) -> "Folder":
        """The first `most` pictures, or all. Raises WordbrushError where there are none."""
        named = sorted(path for path in folder.iterdir() if path.suffix.lower() in TYPES)
        paths = tuple(islice((path for path in named if path.is_file()), most))
        if not paths:
            raise WordbrushError(
                f"{folder} holds no pictures ({', '.join(TYPES)}): name a folder that does."
            )
        return cls(folder, paths)

    @property
    def where(self) -> str:
        return str(self.folder)

    def __len__(self) -> int:
        return len(self.paths)

    def items(self) -> list[Item]:
        parts = [self.paths[at : at + PART] for at in range(0, len(self.paths), PART)]
        return [FilesItem(part, tuple(_stamp(path) for path in part)) for part in parts]


def _stamp(path: Path) -> tuple[int, int]:
    about = require_file(path).stat()
    return about.st_size, about.st_mtime_ns


@dataclass(frozen=True)
class ShardItem(Item):
    """A shard of pictures of a collection, or its first pictures."""

    path: Path
    stamp: tuple[int, int]
    count: int

    @property
    def known(self) -> list[Any]:
        return [self.path.name, *self.stamp, self.count]

    def look(self, model: Model) -> Looked:
        return Looked(seen_in(model.side, None, self.path).squares[: self.count])


@dataclass(frozen=True)
class Collection(Source):
    """The pictures of a collection that `wordbrush data` imported. counts: of each shard."""

    folder: Path
    counts: tuple[tuple[Path, int], ...]
    kind: ClassVar[Kind] = "collection"

    @classmethod
    def at(cls, folder: Path, most: int | None) -> "Collection":
        """The first `most` pictures, or all. Raises WordbrushError where the collection is damaged
        or has none."""
        left, counts = most, []
        for path in shards.shard_paths(folder, shards.PICTURES):
            rows = shards.count_rows(path)
            taken = rows if left is None else min(rows, left)
            left = None if left is None else left - taken
            if taken:
                counts.append((path, taken))
        if not counts:
            raise WordbrushError(f"{folder} is a collection without pictures: name another.")
        return cls(folder, tuple(counts))

    @property
    def where(self) -> str:
        return str(self.folder)

    def __len__(self) -> int:
        return sum(count for _, count in self.counts)

    def items(self) -> list[Item]:
        return [ShardItem(path, _stamp(path), count) for path, count in self.counts]


def source_at(folder: Path, most: int | None) -> Source:
    """A folder of pictures, or a collection. Raises WordbrushError where it is neither."""
    if not folder.is_dir():
        raise WordbrushError(f"{folder} is no folder: name one with pictures, or a collection.")
    if (folder / shards.ABOUT).is_file():
        return Collection.at(folder, most)
    return Folder.at(folder, most)
