"""Files in and out: outputs appear whole or not at all, inputs are checked before they are used."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from wordbrush.runtime.errors import WordbrushError

WRITE_FAULTS = {errno.ENOSPC: "free some space", errno.EDQUOT: "free some space", errno.EFBIG: "raise the limit on file sizes",
                errno.EACCES: "check its owner and mode", errno.EPERM: "check its owner and mode",
                errno.EROFS: "name a place that can be written"}


@contextmanager
def write_faults(path: Path) -> Iterator[None]:
    """A full disk, a folder that cannot be written and their like, as one sentence that names `path`."""
    try:
        yield
    except OSError as error:
        if error.errno not in WRITE_FAULTS:
            raise
        raise WordbrushError(f"{path} cannot be written: {os.strerror(error.errno).lower()}; {WRITE_FAULTS[error.errno]}, "
                             "then run again.") from error
    except SafetensorError as error:
        if "os error" not in str(error).lower() and "i/o error" not in str(error).lower():
            raise
        raise WordbrushError(f"{path} cannot be written ({error}); free some space, then run again.") from error


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Yield a scratch folder beside `path`; it takes the name `path` (replacing what was there) only on success."""
    scratch = path.parent / f".{path.name}.partial"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        with write_faults(path):
            scratch.mkdir(parents=True)
            yield scratch
            shutil.rmtree(path, ignore_errors=True)
            scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a scratch file name beside `path`; the file takes the name `path` only on success."""
    scratch = path.parent / f".{path.name}.partial"
    try:
        with write_faults(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield scratch
            os.replace(scratch, path)
    finally:
        scratch.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, whole or not at all; NaN is refused, since it is no JSON."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    with whole_file(path) as scratch:
        scratch.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read a JSON file; a missing or damaged one is a WordbrushError that names it."""
    require_file(path)
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise WordbrushError(f"{path} is not readable JSON ({error}). Make it again: dvc repro.") from None


def require_file(path: Path) -> Path:
    """Return `path` if it is a file, else say what is missing and what to do."""
    if not path.is_file():
        raise WordbrushError(f"{path} is missing. Run the stage that writes it (dvc repro), or fetch it (dvc pull).")
    return path


def write_csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a small table that `dvc plots` reads: one header line, floats with six significant digits."""
    def cell(value: Any) -> str:
        return f"{value:.6g}" if isinstance(value, float) else str(value)

    lines = [",".join(header), *(",".join(cell(v) for v in row) for row in rows)]
    with whole_file(path) as scratch:
        scratch.write_text("\n".join(lines) + "\n", encoding="utf-8")


def open_array(path: Path, dtype: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """Memory-map a `.npy` file, read-only, after checking its type and shape (`None`: any length).

    Raises WordbrushError when the file is missing, truncated, of another type or shape, or empty.
    """
    require_file(path)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise WordbrushError(f"{path} is not a readable array ({error}). Make it again: dvc repro.") from None
    fits = len(array.shape) == len(shape) and all(w is None or w == h for w, h in zip(shape, array.shape, strict=True))
    if array.dtype != np.dtype(dtype) or not fits:
        wanted = "×".join("any" if s is None else str(s) for s in shape)
        raise WordbrushError(f"{path} holds {array.dtype} {list(array.shape)}, but {dtype} {wanted} is needed.")
    if array.size == 0:
        raise WordbrushError(f"{path} is empty: there is nothing to work on.")
    return array
