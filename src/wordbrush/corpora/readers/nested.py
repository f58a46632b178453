"""JSON lists whose entries are found before the list is read: what Places and COCO have in common.

The base paths in such lists are those of somebody else's disk, as often as not. So files are
looked for below them, if they lie in the source, and below the list's folder and those above it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wordbrush.corpora.readers.lists import Row, json_entries, json_header, text_of
from wordbrush.corpora.readers.source import Source, split_of_name
from wordbrush.corpora.records import Fault


@dataclass(frozen=True)
class JsonList:
    """A file {…, "KEY": [{…}, …]}: what stands before the list, and the first entry's keys."""

    path: Path
    header: dict[str, Any]
    text: str = field(repr=False)
    first: frozenset[str]

    @property
    def key(self) -> str:
        return str(self.header["list"])

    @property
    def split(self) -> str:
        return split_of_name(self.path.name)

    def rows(self, source: Source) -> Iterator[Row | Fault]:
        """The entries that are objects; a fault for each other."""
        for row in json_entries(source, self.path, self.text, self.header["at"]):
            if isinstance(row, Row) and not isinstance(row.value, dict):
                place = source.place(self.path, row.line, row.entry)
                yield Fault(place, "bad row", "the entry is no JSON object")
            else:
                yield row

    def folders(self, source: Source, base: str) -> tuple[Path, ...]:
        """Where files are looked for that this list names."""
        given, beside = self.header.get(base), self.path.parent
        above = [beside, *(one for one in beside.parents if one.is_relative_to(source.folder))]
        below = [beside / given] if isinstance(given, str) and given else []
        return tuple(dict.fromkeys([*below, *above]))


def json_lists(source: Source) -> Iterator[JsonList | Fault]:
    """The JSON files of a source that begin as such lists do; others are no lists of ours."""
    for path in source.files("*.json"):
        text = text_of(source, path)
        if isinstance(text, Fault):
            yield text
            continue
        try:
            header = json_header(text)
        except (ValueError, RecursionError):
            if not _is_json(text):
                yield Fault(source.place(path), "unreadable list", "it is no JSON, or was cut")
            continue
        first = next(json_entries(source, path, text, header["at"]), None)
        if isinstance(first, Fault):
            yield first
        elif first is not None and isinstance(first.value, dict):
            yield JsonList(path, header, text, frozenset(first.value))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
