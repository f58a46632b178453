"""Arrays that are written part by part, and need not fit into memory."""

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy


def write_growing(path: Path, parts: Iterable[np.ndarray]) -> list[int]:
    """Write the rows of all parts to one .npy file, with the bytes of np.save; returns how many
    rows each part has.

    parts: arrays that differ in their number of rows alone. Raises ValueError where there is none.
    """
    counts: list[int] = []
    first: np.ndarray | None = None
    with path.open("wb") as file:
        for part in parts:
            if first is None:
                first = part
                _write_header(file, first, 0)
            if part.dtype != first.dtype or part.shape[1:] != first.shape[1:]:
                raise ValueError(f"rows {part.shape} of {part.dtype} after {first.shape}")
            file.write(np.ascontiguousarray(part).data)
            counts.append(len(part))
        if first is None:
            raise ValueError("there is nothing to write")
        file.seek(0)
        _write_header(file, first, sum(counts))  # as long as before: NumPy leaves room to grow
    return counts


def _write_header(file: BinaryIO, like: np.ndarray, rows: int) -> None:
    about = {
        "descr": npy.dtype_to_descr(like.dtype),
        "fortran_order": False,
        "shape": (rows, *like.shape[1:]),
    }
    npy.write_array_header_1_0(file, about)
