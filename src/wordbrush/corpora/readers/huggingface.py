"""Hugging Face datasets folders with a column of sound and one of pictures.

Parquet files, as the hub has them, and what `save_to_disk` writes. Which columns hold sound and
pictures, their features say, or else their names. Splits are those of the names of files and
folders. Folders with `metadata.csv` or `metadata.jsonl` are read as plain ones (`folder.py`).
"""

import json
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from wordbrush.corpora.media import Cell
from wordbrush.corpora.readers.source import (
    ALIASES,
    Source,
    as_text,
    fields,
    split_of_name,
    utterance,
)
from wordbrush.corpora.records import Fault, Media, Utterance
from wordbrush.errors import optional_packages

with optional_packages():
    import pyarrow as pa
    import pyarrow.parquet as pq

TITLE = "a Hugging Face datasets folder"
PATTERNS = ("*.parquet", "*.arrow")
DEPTH = 3  # save_to_disk: folder/split/data-00000-of-00001.arrow
FEATURES = {"Image": "picture", "Audio": "sound"}
BATCH = 1024  # rows


def fits(source: Source) -> bool:
    return bool(source.files(*PATTERNS, depth=DEPTH))


def read(source: Source) -> Iterator[Utterance | Fault]:
    for path in source.files(*PATTERNS, depth=DEPTH):
        if path.name.startswith("cache-"):  # what `datasets` computed before
            continue
        try:
            yield from _rows(source, path)
        except (pa.ArrowException, OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            detail = f"it is damaged ({reason}); what is not yet read is left out"
            yield Fault(source.place(path), "unreadable list", detail)


def _rows(source: Source, path: Path) -> Iterator[Utterance | Fault]:
    schema = _schema(path)
    media = media_columns(schema)
    if missing := {"picture", "sound"} - set(media):
        detail = f"it has no column of {' and none of '.join(sorted(missing))}"
        yield Fault(source.place(path), "no column", detail)
        return
    others = [name for name in schema.names if name not in media.values()]
    split, row = _split(source, path), 0
    for batch in _batches(path, [*others, *_paths(schema, media)]):
        batch.validate(full=True)  # of damaged lengths Arrow would end the process
        for values in batch.to_pylist():
            named = {name: values[name] for name in others}
            given = {"split": split, "language": source.language} | fields(named)
            found = {kind: _media(source, path, schema, column, row, values)
                     for kind, column in media.items()}  # fmt: skip
            row += 1
            place = source.place(path, entry=row)
            given.setdefault("id", f"{place.file}-{row}")
            yield utterance(place, given, found["picture"], found["sound"])


def media_columns(schema: pa.Schema) -> dict[str, str]:
    """The columns of `picture` and `sound`, by the features of `datasets`, or by their names."""
    described: dict[str, Any] = {}
    if raw := (schema.metadata or {}).get(b"huggingface"):
        try:
            described = json.loads(raw)["info"]["features"]
        except (ValueError, KeyError, TypeError):
            described = {}
    found = {
        FEATURES[feature["_type"]]: name
        for name, feature in described.items()
        if isinstance(feature, dict) and feature.get("_type") in FEATURES and name in schema.names
    }
    for kind in FEATURES.values():
        named = next((alias for alias in ALIASES[kind] if alias in schema.names), None)
        if kind not in found and named is not None:
            found[kind] = named
    return {kind: name for kind, name in found.items() if _holds_files(schema.field(name).type)}


def _holds_files(kind: pa.DataType) -> bool:
    """Whether a column has bytes or names: not so the arrays of samples of early versions."""
    if pa.types.is_struct(kind):
        fields = {field.name: field.type for field in kind}
        return "path" in fields and _is_binary(fields.get("bytes", pa.null()))
    return _is_binary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _paths(schema: pa.Schema, media: dict[str, str]) -> list[str]:
    """What is read of these columns beside the other ones: names of files, but no bytes."""
    return [
        f"{column}.path" if pa.types.is_struct(schema.field(column).type) else column
        for column in media.values()
        if not _is_binary(schema.field(column).type)
    ]


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _media(
    source: Source, path: Path, schema: pa.Schema, column: str, row: int, values: dict[str, Any]
) -> Media | None:
    """A cell with bytes; or a file, where the column holds names alone."""
    kind = schema.field(column).type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        name = as_text(values[column])
        return source.sound(name, path.parent, source.folder) if name else None
    named = values.get(column)
    name = as_text(named.get("path")) if isinstance(named, dict) else ""
    return Cell(path, column, row, PurePath(name).suffix)


def _schema(path: Path) -> pa.Schema:
    if path.suffix == ".parquet":
        return pq.read_schema(path)
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).schema


def _batches(path: Path, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Some columns; in Parquet a column's part may be read alone."""
    if path.suffix == ".parquet":
        yield from pq.ParquetFile(path).iter_batches(BATCH, columns=columns)
        return
    with pa.memory_map(str(path)) as file:
        for batch in pa.ipc.open_stream(file):
            yield from _without_bytes(batch, columns)


def _without_bytes(batch: pa.RecordBatch, columns: list[str]) -> Iterator[pa.RecordBatch]:
    arrays, names = [], []
    for column in columns:
        name, _, part = column.partition(".") if column not in batch.schema.names else (column,) * 3
        whole = batch.column(name)
        if column in batch.schema.names:
            arrays.append(whole)
        else:
            arrays.append(pa.StructArray.from_arrays([whole.field(part)], [part]))
        names.append(name)
    yield pa.RecordBatch.from_arrays(arrays, names)


def _split(source: Source, path: Path) -> str:
    """That of the file's name, or of the nearest folder whose name says one."""
    inside = path.relative_to(source.folder)
    names = [inside.name, *reversed(inside.parent.parts)]
    return next((split for name in names if (split := split_of_name(name))), "")
