"""Files: outputs appear complete or not at all, inputs are checked before they are used."""

import codecs
import csv
import errno
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError

from wordbrush.errors import REMAKE, REMEDIES, FileFault, WordbrushError, refusal, shown
from wordbrush.storage.validation import validated_json

T = TypeVar("T")

LFS_POINTER = b"version https://git-lfs.github.com/spec/"
LFS_SIZE = 1024  # bytes: pointers are smaller


@contextmanager
def write_faults(path: Path) -> Iterator[None]:
    """A full disk, a folder that cannot be written and the like, as one sentence with `path`.

    Around the writing of `path`, or of a scratch file beside it. What the system refuses of another
    file is raised as it is, and names that file.
    """
    try:
        yield
    except OSError as error:
        code = error.errno
        if code is None and str(error).endswith(" written"):  # numpy's, of a part of an array
            code = errno.ENOSPC
        ours = code in REMEDIES if error.filename is None else _is_of(error.filename, path)
        if code is None or not ours:
            raise
        remedy = REMEDIES.get(code, "name another place")
        raise WordbrushError(
            f"{shown(str(path))} cannot be written: {os.strerror(code).lower()}; {remedy}, "
            "then run again."
        ) from error
    except SafetensorError as error:
        if "os error" not in str(error).lower() and "i/o error" not in str(error).lower():
            raise
        raise WordbrushError(
            f"{path} cannot be written ({error}); free some space, then run again."
        ) from error


def _scratch(path: Path) -> Path:
    """What `path` is called until it is whole."""
    return path.parent / f".{path.name}.partial"


def _is_of(name: object, path: Path) -> bool:
    """Whether a file's name is that of `path`, of a folder above it, or of its scratch files."""
    if not isinstance(name, str):
        return False
    return Path(name) in (path, *path.parents) or Path(name).is_relative_to(_scratch(path))


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Yield a scratch folder beside `path`; on success only, it replaces what is at `path`.

    Raises WordbrushError, before anything is made, where `path` is a file or a symbolic link.
    """
    scratch = _scratch(path)
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with write_faults(path):
            if path.is_symlink() or path.is_file():
                kind = "a symbolic link" if path.is_symlink() else "a file"
                raise WordbrushError(f"{path} is {kind}, and must be a folder: move it away.")
            scratch.mkdir(parents=True)
            yield scratch
            shutil.rmtree(path, ignore_errors=True)
            scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield an empty scratch file beside `path`; it takes the name `path` only on success.

    Raises WordbrushError, before the caller works, where `path` is a folder or nothing can be
    written beside it.
    """
    scratch = _scratch(path)
    try:
        with write_faults(path):
            if path.is_dir() or path.name == "..":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            if path.exists() and not path.is_file():  # it would be replaced
                raise WordbrushError(f"{path} is a device or a pipe, and must be a file.")
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.touch()
            yield scratch
            os.replace(scratch, path)
    finally:
        with suppress(OSError):  # a place that cannot be written has nothing to delete
            scratch.unlink(missing_ok=True)


def require_writable(path: Path) -> None:
    """Raises WordbrushError where no file could be written at `path`, as `whole_file` does.

    For long work whose result will go there.
    """
    with suppress(_Enough), whole_file(path):
        raise _Enough


def require_place(path: Path) -> None:
    """As require_writable; also where the folder of `path` is not there: a name may be mistyped."""
    if not os.path.exists(path.parent):
        raise WordbrushError(
            f"{shown(str(path))}: the folder {shown(str(path.parent))} is not there; make it "
            "first, or name another place."
        )
    require_writable(path)


class _Enough(Exception):
    """Leaves `whole_file` without a file."""


def read_text(path: Path, missing: str) -> str:
    """The text of a file that people write or bring, in UTF-8, with or without a mark of that.

    missing: what to do where there is no such file.
    Raises WordbrushError: it is missing, no file but a folder or a device, or not UTF-8.
    """
    try:
        if path.exists() and not path.is_file():  # a pipe would wait for its other end
            kind = "a folder" if path.is_dir() else "a device or a pipe"
            raise WordbrushError(f"{shown(str(path))} is {kind}, and must be a file.")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise WordbrushError(f"{shown(str(path))} is missing. {missing}") from None
    except OSError as error:
        raise WordbrushError(f"{refusal(error)}.") from None
    except UnicodeDecodeError as error:
        raise WordbrushError(
            f"{shown(str(path))} is not text in UTF-8 ({error.reason} at byte {error.start}): save "
            "it as UTF-8."
        ) from None


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, complete or not at all. Raises ValueError for NaN."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def require_new(path: Path) -> None:
    """Raises WordbrushError where `path` exists and is not an empty folder."""
    if (
        not path.name
        or path.is_symlink()
        or path.is_file()
        or (path.is_dir() and any(path.iterdir()))
    ):
        raise WordbrushError(f"{path} is there already: name a folder that is not, or delete it.")


def require_space(folder: Path, size: int, what: str) -> None:
    """Raises WordbrushError where the disk of `folder` has less than `size` bytes free."""
    free = shutil.disk_usage(folder).free
    if size > free:
        raise WordbrushError(
            f"{what} needs {size / 2**30:.1f} GiB in {folder}, but {free / 2**30:.1f} GiB are "
            "free: free some space, or name another folder."
        )


def read_json(path: Path, shape: type[T], remedy: str = REMAKE) -> T:
    """A JSON file as plain data of this shape; a byte order mark before it is skipped.

    Raises FileFault where it is missing, damaged or of another shape, with what to do.
    """
    text = require_file(path).read_bytes().removeprefix(codecs.BOM_UTF8)
    return validated_json(shape, text, str(path), remedy)


def require_file(path: Path) -> Path:
    """Return `path` if it is a file, else say what is missing and what to do.

    Raises FileFault, also for a pointer that Git LFS leaves in place of a file that it did not
    fetch.
    """
    if not path.is_file():
        raise FileFault(
            f"{path} is missing.",
            "Run the stage that writes it (dvc repro), or fetch it (dvc pull).",
        )
    if path.stat().st_size < LFS_SIZE and path.read_bytes().startswith(LFS_POINTER):
        raise WordbrushError(
            f"{path} is a pointer of Git LFS, and not the file itself: fetch it with git lfs pull."
        )
    return path


def require_counts(path: Path, **counts: int) -> None:
    """Raises FileFault where counts of what belongs together, such as captions, differ."""
    if len(set(counts.values())) > 1:
        numbers = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
        raise FileFault(f"{path}: what belongs together differs in number: {numbers}.")


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a small table that `dvc plots` reads, complete or not at all.

    One line of header, floats with six significant digits; cells are quoted as RFC 4180 has it,
    where they hold a comma, a quote or the end of a line.
    """

    def cell(value: Any) -> str:
        return f"{value:.6g}" if isinstance(value, float) else str(value)

    with (
        whole_file(path) as scratch,
        scratch.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([cell(value) for value in row] for row in rows)


def open_array(
    path: Path, dtype: str, shape: tuple[int | None, ...], most: int | Sequence[int] | None = None
) -> np.ndarray:
    """Memory-map a `.npy` file, read-only, after checking its type and shape (`None`: any length).

    most: the greatest value allowed, of all or of each entry of the second axis; checking it reads
    the whole file.
    Raises WordbrushError where the file is missing, truncated, empty, of another type or shape, or
    holds greater values.
    """
    require_file(path)
    try:
        # As an ndarray, since slices of a np.memmap cost twice as much.
        array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, OSError, EOFError) as error:
        raise FileFault(f"{path} is not a readable array ({error}).") from None
    fits = len(array.shape) == len(shape) and all(
        w is None or w == h for w, h in zip(shape, array.shape, strict=True)
    )
    if array.dtype != np.dtype(dtype) or not fits:
        wanted = "×".join("any" if s is None else str(s) for s in shape)
        raise WordbrushError(
            f"{path} holds {array.dtype} {list(array.shape)}, but {dtype} {wanted} is needed."
        )
    if array.size == 0:
        raise WordbrushError(f"{path} is empty: there is nothing to work on.")
    if most is not None:
        axes = tuple(axis for axis in range(array.ndim) if np.ndim(most) == 0 or axis != 1)
        if (array.max(axes) > most).any():
            raise FileFault(f"{path} holds values above {most}.")
    return array
