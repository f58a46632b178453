"""What samples came from, where a collection gave them: a file beside the pictures."""

from pathlib import Path

from typing_extensions import TypedDict

from wordbrush.storage.files import read_json, write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Count, Finite

NAME = "collection.json"


class Origin(TypedDict):
    """The form of the source, as its reader is called; a hash of all that was imported; sizes."""

    reader: str
    plan: str
    utterances: Count
    pictures: Count
    hours: Finite


def write_origin(folder: Path, origin: Origin) -> None:
    """Write it beside the pictures."""
    write_json(folder / NAME, origin)


def read_origin(layout: Layout) -> Origin | None:
    """Of the samples; None where they were drawn or rendered."""
    file = layout.samples / NAME
    return read_json(file, Origin) if file.is_file() else None
