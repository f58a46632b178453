"""A plain folder: `pictures/`, `speech/` and a list, or a Hugging Face folder with `metadata.csv`.

Every CSV, TSV or JSON-lines file in the folder, or one folder below, is a list. Its columns may
have other usual names (`source.ALIASES`); picture and sound are needed. Names of files are relative
to the list, to the folder, or to its `pictures/` and `speech/`. Where a list has no column of
splits, its own name or that of its folder may say the split, as in `test.csv` or
`train/metadata.csv`.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wordbrush.corpora.readers.lists import json_lines, table
from wordbrush.corpora.readers.source import (
    Source,
    as_text,
    fields,
    split_of_name,
    utterance,
    walk,
)
from wordbrush.corpora.records import Fault, Place, Utterance

TITLE = "a folder with lists"
PATTERNS = ("*.csv", "*.tsv", "*.jsonl")
PICTURES, SPEECH = "pictures", "speech"
DEPTH = 8  # folders below these two whose files are looked at


def fits(source: Source) -> bool:
    return bool(source.files(*PATTERNS))


def read(source: Source) -> Iterator[Utterance | Fault]:
    named: set[str] = set()
    for path in source.files(*PATTERNS):
        rows = json_lines if path.suffix == ".jsonl" else table
        split = split_of_name(path.name) or (
            split_of_name(path.parent.name) if path.parent != source.folder else ""
        )
        for row in rows(source, path):
            if isinstance(row, Fault):
                yield row
                continue
            values = fields(row.value)
            named |= {os.path.basename(as_text(values.get(kind))) for kind in ("picture", "sound")}
            yield _utterance(source, path, row.line, values, split)
    if source.given.is_dir():
        yield from _unnamed(source, named)


def _utterance(
    source: Source, path: Path, line: int, given: dict[str, Any], split: str
) -> Utterance | Fault:
    values = {"split": split, "language": source.language} | {
        field: value for field, value in given.items() if value not in (None, "")
    }
    root, beside = source.folder, path.parent
    picture, sound = as_text(values.get("picture")), as_text(values.get("sound"))
    return utterance(
        source.place(path, line),
        values,
        source.picture(picture, beside, root, root / PICTURES) if picture else None,
        source.sound(sound, beside, root, root / SPEECH) if sound else None,
    )


def _unnamed(source: Source, named: set[str]) -> Iterator[Fault]:
    """Files of the two folders that no row names: perhaps a row is missing."""
    for folder in (PICTURES, SPEECH):
        for path, names in walk(source.folder / folder, DEPTH):
            for name in names:
                if name not in named:
                    where = os.path.relpath(os.path.join(path, name), source.folder)
                    yield Fault(Place(where), "named nowhere", "no row names this file")
