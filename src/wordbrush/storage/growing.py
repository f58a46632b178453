"""Arrays that are written part by part, and need not fit into memory."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.lib import format as npy


class GrowingArray:
    """A .npy file that grows by rows, and has the bytes of np.save when it is closed."""

    def __init__(self, path: Path):
        self.path, self.rows = path, 0
        self.file: BinaryIO | None = None
        self.first: np.ndarray | None = None

    def __enter__(self) -> Self:
        self.file = self.path.open("wb")
        return self

    def add(self, part: np.ndarray) -> None:
        """The next rows. Raises ValueError for what differs from the first in more than rows."""
        assert self.file is not None, "used as a context"
        if self.first is None:
            self.first = part[:0]
            _write_header(self.file, part, 0)
        if part.dtype != self.first.dtype or part.shape[1:] != self.first.shape[1:]:
            raise ValueError(f"rows {part.shape} of {part.dtype} after {self.first.shape}")
        self.file.write(np.ascontiguousarray(part).data)
        self.rows += len(part)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self.file is not None
        with self.file:
            if kind is not None:
                return
            if self.first is None:
                raise ValueError("there is nothing to write")
            self.file.seek(0)  # the header is as long as before: NumPy leaves room to grow
            _write_header(self.file, self.first, self.rows)


def write_growing(path: Path, parts: Iterable[np.ndarray]) -> list[int]:
    """Write the rows of all parts to one .npy file, with the bytes of np.save; returns how many
    rows each part has.

    parts: arrays that differ in their number of rows alone. Raises ValueError where there is none.
    """
    counts: list[int] = []
    with GrowingArray(path) as array:
        for part in parts:
            array.add(part)
            counts.append(len(part))
    return counts


def _write_header(file: BinaryIO, like: np.ndarray, rows: int) -> None:
    about = {
        "descr": npy.dtype_to_descr(like.dtype),
        "fortran_order": False,
        "shape": (rows, *like.shape[1:]),
    }
    npy.write_array_header_1_0(file, about)
