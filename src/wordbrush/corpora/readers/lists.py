"""Lists as people write them, row by row with their lines: CSV in any dialect, JSON, JSON lines.

A damaged list gives the rows before the damage, and a fault that says where it is.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.records import Fault
from wordbrush.errors import refusal

LARGEST_CELL = 1 << 24  # characters: times of the words of a long caption
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of a list, with its line and, in JSON, its number from 1."""

    value: Any
    line: int
    entry: int | None = None


def text_of(source: Source, path: Path) -> str | Fault:
    """The text of a list: in UTF-8, or in UTF-16 with a mark of that, as Excel writes."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Fault(source.place(path), "unreadable list", refusal(error))
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        detail = f"it is not text in UTF-8 ({error.reason}): save it as UTF-8"
        return Fault(source.place(path, line), "unreadable list", detail)


def table(source: Source, path: Path) -> Iterator[Row | Fault]:
    """The rows of a CSV file as dictionaries: separated by commas, semicolons or tabs.

    The separator is the one that its first line has most of.
    """
    text = text_of(source, path)
    if isinstance(text, Fault):
        yield text
        return
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    csv.field_size_limit(LARGEST_CELL)
    header: list[str] | None = None
    for line, cells in _cells(text, separator):
        if isinstance(cells, csv.Error):
            yield Fault(source.place(path, line), "bad row", f"its quotes do not match ({cells})")
        elif header is None:
            header = cells
        elif len(cells) != len(header):
            detail = f"the row has {len(cells)} cells, and the header {len(header)}"
            yield Fault(source.place(path, line), "bad row", detail)
        else:
            yield Row(dict(zip(header, cells, strict=True)), line)


def _cells(text: str, separator: str) -> Iterator[tuple[int, list[str] | csv.Error]]:
    """The rows that are not empty, and the lines where they begin; an error where one is damaged.

    A quote that is never closed takes in all lines to the end of the file.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, error
        else:
            if any(cell.strip() for cell in cells):
                yield line, cells


def json_lines(source: Source, path: Path) -> Iterator[Row | Fault]:
    """The objects of a file that has one on each line."""
    text = text_of(source, path)
    if isinstance(text, Fault):
        yield text
        return
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except ValueError as error:
            yield Fault(source.place(path, number), "bad row", f"no JSON ({_reason(error)})")
        else:
            if isinstance(value, dict):
                yield Row(value, number)
            else:
                yield Fault(source.place(path, number), "bad row", "the row is no JSON object")


def json_header(text: str) -> dict[str, Any]:
    """What a JSON object says before its first list, and the name of that list under `list`.

    Raises ValueError where it is no such object.
    """
    header: dict[str, Any] = {}
    at = _expect(text, 0, "{")
    while True:
        key, at = _decode(text, at)
        at = _expect(text, at, ":")
        if text[at : at + 1] == "[":
            return header | {"list": key, "at": at + 1}
        header[key], at = _decode(text, at)
        at = _expect(text, at, ",")


def json_entries(source: Source, path: Path, text: str, at: int) -> Iterator[Row | Fault]:
    """The entries of the list that begins at this character, one at a time.

    So memory holds one, each has its line, and of a list that was cut those before the cut are
    read.
    """
    line, counted, entry = 1, 0, 0
    while True:
        at = _skip(text, at)
        line, counted = line + text.count("\n", counted, at), at
        if text[at : at + 1] == "]":
            return
        entry += 1
        try:
            value, at = _decode(text, at)
            at = _skip(text, at)
            if text[at : at + 1] == ",":
                at += 1
            elif text[at : at + 1] != "]":
                raise ValueError("the file ends, or a comma is missing")
        except (ValueError, RecursionError) as error:
            detail = f"the list is damaged here ({_reason(error)}); the rest is left out"
            yield Fault(source.place(path, line, entry), "unreadable list", detail)
            return
        yield Row(value, line, entry)


def _decode(text: str, at: int) -> tuple[Any, int]:
    return DECODER.raw_decode(text, _skip(text, at))


def _skip(text: str, at: int) -> int:
    match = SPACE.match(text, at)
    return match.end() if match else at


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"{sign!r} is missing")
    return _skip(text, at + 1)


def _reason(error: Exception) -> str:
    return error.msg.lower() if isinstance(error, json.JSONDecodeError) else str(error)
