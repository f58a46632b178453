"""Parts of mapped arrays are read before they are touched, and no more than these."""

import ctypes
import mmap
import os
import time
from pathlib import Path

import numpy as np
import pytest

from wordbrush.storage.files import open_array
from wordbrush.storage.wanted import want

ROWS, WIDTH = 4096, 4096  # 16 MB: more than any system reads ahead


def pages_held(path: Path) -> np.ndarray:
    """Which pages of a file are in memory: bool."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
        data = np.frombuffer(mapped, np.uint8)
        held = (ctypes.c_ubyte * -(-len(data) // mmap.PAGESIZE))()
        address, size = ctypes.c_void_p(data.ctypes.data), ctypes.c_size_t(len(data))
        assert ctypes.CDLL(None).mincore(address, size, held) == 0
        del data
        return np.array([one & 1 for one in held], bool)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="the system tells and asks otherwise")
def test_the_wanted_rows_are_fetched_and_hardly_more(tmp_path):
    path = tmp_path / "rows.npy"
    np.save(path, np.random.default_rng(0).integers(0, 256, (ROWS, WIDTH), np.uint8))
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if pages_held(path).any():
        pytest.skip("this file system keeps its files in memory")
    array = open_array(path, "uint8", (None, WIDTH))
    already = pages_held(path)  # its header was read, and some of what follows
    wanted = np.array([3000, 4000])
    want(array, wanted, wanted + 3)
    pages = np.concatenate([np.arange(3000, 3003), np.arange(4000, 4003)])  # a row is a page
    until = time.monotonic() + 60
    while not pages_held(path)[pages].all() and time.monotonic() < until:
        time.sleep(0.01)
    held = pages_held(path)
    assert held[pages].all() and (held & ~already).sum() <= 2 * (3 + 2)


def test_what_is_not_mapped_is_left(tmp_path):
    array = np.arange(12).reshape(6, 2)
    want(array, np.array([0]), np.array([6]))
    np.save(tmp_path / "a.npy", array)
    mapped = open_array(tmp_path / "a.npy", "int64", (None, 2))
    want(mapped, np.array([0, 5]), np.array([1, 6]))
    want(mapped[2:], np.array([0]), np.array([1]))
    assert np.array_equal(mapped, array)
