"""Pictures and sounds of a source: files that it names, and cells of its tables."""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from wordbrush.corpora.records import Unusable
from wordbrush.errors import optional_packages

with optional_packages():
    import pyarrow as pa
    import pyarrow.parquet as pq

LARGEST = 1 << 30  # bytes of a file: hours of sound, or no picture
MISSING = "missing file"


@dataclass(frozen=True, slots=True)
class NamedFile:
    """A file that a list names. It lies in the first of these folders that has it.

    Neither its name nor a symbolic link may lead out of the folders `inside`.
    """

    name: str
    folders: tuple[Path, ...]
    inside: tuple[Path, ...]

    def path(self) -> Path:
        """Where it is. Raises Unusable: it is missing, no file, or outside of the folders."""
        outside = ""
        for candidate in self._candidates():
            try:
                status = os.stat(candidate)
            except (OSError, ValueError) as error:  # ValueError: a null character
                if getattr(error, "errno", None) in (errno.EACCES, errno.ELOOP):
                    raise Unusable("unreadable file", f"{self.name!r}: {_reason(error)}") from None
                continue
            real = os.path.realpath(candidate)
            if not any(_within(real, folder) for folder in self.inside):
                outside = real
            elif stat.S_ISREG(status.st_mode):
                return candidate
            else:  # a pipe would wait for its other end
                raise Unusable("not a file", f"{self.name!r} is a folder, a device or a pipe")
        if outside:
            raise Unusable("outside of the source", f"{self.name!r} leads to {outside!r}")
        raise Unusable(MISSING, f"{self.name!r} is not there")

    def _candidates(self) -> Iterator[Path]:
        """A name may be spelled with other code points than its file: macOS takes accents apart."""
        spelled = [self.name, *(unicodedata.normalize(form, self.name) for form in ("NFC", "NFD"))]
        for folder in self.folders:
            for name in dict.fromkeys(spelled):
                yield folder / name

    def stamp(self) -> tuple[int, int]:
        try:
            status = os.stat(self.path())
        except OSError as error:
            raise Unusable("unreadable file", f"{self.name!r}: {_reason(error)}") from None
        return status.st_size, status.st_mtime_ns

    def read(self) -> bytes:
        path = self.path()
        try:
            if (size := path.stat().st_size) > LARGEST:
                raise Unusable("too large", f"{self.name!r} has {size:,} bytes")
            return path.read_bytes()
        except OSError as error:
            raise Unusable("unreadable file", f"{self.name!r}: {_reason(error)}") from None


@dataclass(frozen=True, slots=True)
class Cell:
    """A picture or sound in a Parquet or Arrow file, as Hugging Face `datasets` stores it.

    row: from 0. suffix: of the file that it was, or empty.
    """

    file: Path
    column: str
    row: int
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"{self.file.name}, row {self.row + 1}, {self.column}{self.suffix}"

    def stamp(self) -> tuple[int, int]:
        try:
            status = os.stat(self.file)
        except OSError as error:
            raise Unusable("unreadable file", f"{self.file.name}: {_reason(error)}") from None
        return status.st_size, status.st_mtime_ns

    def read(self) -> bytes:
        try:
            value = cell(self.file, self.column, self.row)
        except (pa.ArrowException, OSError, ValueError, LookupError) as error:
            reason = str(error).splitlines()[0]
            raise Unusable("unreadable file", f"{self.file.name}: {reason}") from None
        data = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(data, bytes):
            raise Unusable(MISSING, f"{self.name} has no bytes")
        return data


def cell(file: Path, column: str, row: int) -> Any:
    """One value of a table. Neighbouring rows are read together, since they are asked for next."""
    if file.suffix == ".arrow":
        return _arrow(file).column(column)[row].as_py()
    starts, table = _parquet(file)
    group = max(number for number, start in enumerate(starts) if start <= row)
    return _row_group(table, group, column)[row - starts[group]].as_py()


@lru_cache(maxsize=8)
def _arrow(file: Path) -> pa.Table:
    """Memory-mapped: `save_to_disk` writes streams of record batches."""
    with pa.memory_map(str(file)) as source:
        table = pa.ipc.open_stream(source).read_all()
    table.validate(full=True)  # of damaged lengths Arrow would end the process
    return table


@lru_cache(maxsize=8)
def _parquet(file: Path) -> tuple[list[int], pq.ParquetFile]:
    """The first row of each row group, and the file."""
    table = pq.ParquetFile(file)
    starts, row = [], 0
    for group in range(table.num_row_groups):
        starts.append(row)
        row += table.metadata.row_group(group).num_rows
    return starts, table


@lru_cache(maxsize=2)  # a picture and a sound
def _row_group(table: pq.ParquetFile, group: int, column: str) -> pa.ChunkedArray:
    read = table.read_row_group(group, columns=[column]).column(column)
    read.validate(full=True)
    return read


def _within(real: str, folder: Path) -> bool:
    return real.startswith(_real(folder).rstrip(os.sep) + os.sep)


@lru_cache(maxsize=64)
def _real(folder: Path) -> str:
    return os.path.realpath(folder)


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()
