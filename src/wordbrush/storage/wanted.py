"""Rows of a memory-mapped array, asked of the disk all at once before they are read.

A page that is not in memory is read when it is touched, one after the other, and the system reads
far beyond it, as if all were read in order: of a batch of random rows that is many times too much.
"""

import mmap
from typing import Any

import numpy as np


def want(array: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> None:
    """These parts of an array [N, …] will be read soon: rows starts[n] to stops[n].

    What is in memory already, and arrays that are not mapped, cost nothing and stay as they are.
    """
    mapped: Any = array
    while isinstance(mapped, np.ndarray):
        mapped = mapped.base
    if not isinstance(mapped, mmap.mmap) or not hasattr(mmap, "MADV_WILLNEED"):
        return
    before = array.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        first = before + start * array.strides[0]
        first -= first % mmap.PAGESIZE
        last = before + stop * array.strides[0]
        mapped.madvise(mmap.MADV_WILLNEED, first, last - first)
