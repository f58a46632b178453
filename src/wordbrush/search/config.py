"""index.json: what an index is, of which pictures, by which model, and the bytes of its parts."""

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field

from wordbrush.storage.configs import Config, Part
from wordbrush.storage.files import open_array, require_file
from wordbrush.storage.validation import Count

MANIFEST, ANCHOR_FILE = "index.json", "anchors.npy"
REMEDY = "Build it again: wordbrush index."


class PartRecord(Part):
    """A folder of an index. sha256: of each of its files."""

    name: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
    pictures: Count
    sha256: dict[Annotated[str, Field(pattern=r"^[a-z]+\.npy$")], str]


class IndexConfig(Config):
    """version: of Wordbrush. model: `model_digest` of the model whose features these are. height,
    width, embedding: of the features of a picture [D, h, w]. side: pixels of a picture. kind,
    where: of the source. anchors_of: what the anchors were found in. sha256: of the anchors.
    """

    version: str
    model: str
    height: Count
    width: Count
    embedding: Count
    side: Count
    kind: Literal["drawings", "folder", "collection"]
    where: str
    pictures: Count
    anchors: Count
    anchors_of: str
    sha256: str
    parts: list[PartRecord]


def read_anchors(folder: Path, embedding: int) -> torch.Tensor:
    """[A, D]. Raises FileFault where they are missing or damaged."""
    return torch.tensor(open_array(folder / ANCHOR_FILE, "float32", (None, embedding)))


def model_digest(folder: Path) -> str:
    """The hash of all that decides what a model sees, hears and draws: not of its cards."""
    digest = hashlib.sha256()
    paths = [folder / "model.json", *sorted(folder.glob("encoders/*"))]
    paths += sorted(folder.glob("generator/*"))
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()} {file_digest(path)}\n".encode())
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """sha256. Raises FileFault where the file is missing."""
    with require_file(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
