"""Loading pairs from the memory maps, with the files in the page cache and without."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import Bench, Line
from benchmarks.pairs import read_pairs, write_pairs
from wordbrush.data.pairs import Pairs
from wordbrush.davenet.training import make_loader
from wordbrush.params import Params


def loading(bench: Bench) -> Iterator[Line]:
    """An epoch of shuffled batches, as trainings read them."""
    params, folder = bench.params(), bench.folder()
    count = params.samples.train // 4 if bench.quick else params.samples.train
    write_pairs(folder, params, count)
    yield from warm(bench, folder, params, f"loading {count} samples, warm")
    yield from cold(bench, folder, params, f"loading {count} samples, cold")


def warm(bench: Bench, folder: Path, params: Params, work: str) -> Iterator[Line]:
    pairs = read_pairs(folder)
    yield from bench.compare(
        work, lambda: epoch(pairs, params), computed=False, units=len(pairs.images)
    )


def cold(bench: Bench, folder: Path, params: Params, work: str) -> Iterator[Line]:
    def read() -> Iterator[str]:
        drop_from_page_cache(folder)
        yield "drop"
        epoch(read_pairs(folder), params)  # opened anew, since what is mapped is not dropped
        yield "read"

    size = sum(path.stat().st_size for path in folder.rglob("*.npy"))
    count = len(read_pairs(folder).images)
    after_drop = next(
        line for line in bench.compare(work, read, computed=False) if line.work.endswith(": read")
    )
    yield replace(
        after_drop,
        work=work,
        units=count,
        note=f"{size / 1e6:.0f} MB, dropped from the page cache before each epoch",
    )


def epoch(pairs: Pairs, params: Params) -> None:
    loader = make_loader(pairs, params.davenet, 0, params.seed)
    for _ in range(len(pairs.speech) // loader.size):
        next(loader)
    loader.close()


def drop_from_page_cache(folder: Path) -> None:
    """Flush each file to disk first: only then can the system drop its pages."""
    for path in folder.rglob("*.npy"):
        with path.open("rb") as data:
            os.fsync(data.fileno())
            os.posix_fadvise(data.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
