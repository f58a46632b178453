"""What grows with the rows of a collection, at its true number of rows.

Lists, tables and offsets are whole; sound and pictures are holes in files, which take no disk and
read as zeros.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from benchmarks.corpora.shapes import Shape, write_lists
from benchmarks.corpora.watching import Watched, here
from wordbrush.audio.config import FeatureConfig
from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.readers.table import reader_of
from wordbrush.data.manifest import Manifest, read_manifest, write_manifest
from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.speech import write_features
from wordbrush.data.splits import split_by_group
from wordbrush.data.views import PIXELS, SIZES
from wordbrush.davenet.training import make_loader
from wordbrush.params import Params
from wordbrush.storage.layout import Layout

SHARES = {"train": 0.92, "validation": 0.04, "test": 0.04}


def measure(folder: Path, shape: Shape, params: Params, batches: int) -> dict[str, Any]:
    """Seconds and megabytes of reading the lists, and of all that is done with the table."""
    (folder / "lists").mkdir()
    write_lists(folder / "lists", shape, shape.pictures)
    source = Source(folder / "lists")
    rows, listed = here(lambda: list(reader_of(source, None).read(source)))
    found = {"rows": len(rows), "reading the lists": told(listed)}
    del rows
    images = np.arange(shape.utterances) // shape.captions
    splits, divided = here(lambda: split_by_group(images, SHARES, params.seed))
    found["dividing"] = told(divided)
    speakers = np.char.add("m", (images % 2500).astype(str))
    manifest = Manifest(images, splits, speakers, np.full(len(images), "en"))
    _, written = here(lambda: write_manifest(folder, manifest))
    found["writing the table"] = told(written)
    again, read = here(lambda: read_manifest(folder, shape.pictures, shape.utterances))
    found["reading the table"] = told(read)
    _, kept = here(lambda: again.without(["fr"], 0.1, params.seed))
    found["keeping captions unheard"] = told(kept)
    write_holes(Layout(folder), shape, params, manifest)
    pairs, opened = here(lambda: read_pairs(Layout(folder)))
    return {**found, "opening": told(opened), "loading": loading(pairs, params, batches)}


def told(watched: Watched) -> dict[str, float]:
    return {
        "seconds": round(watched.seconds, 2),
        "processor_seconds": round(watched.processor, 2),
        "megabytes": round(watched.own / 1e6),
    }


def write_holes(layout: Layout, shape: Shape, params: Params, manifest: Manifest) -> None:
    """The files that training reads."""
    davenet, config = params.davenet, FeatureConfig.taken_from(params.captions)
    seconds = shape.lengths(shape.utterances, np.random.default_rng(params.seed))
    frames = (seconds * 1000 / config.hop_ms).astype(int).clip(1, config.max_frames)
    one = np.zeros((1, config.bands), np.float16)
    write_features(layout.features, [one], config, manifest)
    np.save(layout.features / "offsets.npy", np.cumsum([0, *frames]))
    hole(layout.features / "frames.npy", "float16", (int(frames.sum()), config.bands))
    layout.samples.mkdir(parents=True)
    size, side = davenet.image_size, davenet.image_side or davenet.image_size
    hole(layout.samples / "images.npy", "uint8", (shape.pictures, size, size, 3))
    width = side * shape.width // shape.height
    hole(layout.samples / PIXELS, "uint8", (shape.pictures * side * width, 3))
    np.save(layout.samples / SIZES, np.tile(np.array([side, width]), (shape.pictures, 1)))


def hole(path: Path, kind: str, shape: tuple[int, ...]) -> None:
    """A .npy file of zeros, none of which is written."""
    array = npy.open_memmap(path, "w+", np.dtype(kind), shape)
    del array


def loading(pairs: Pairs, params: Params, batches: int) -> dict[str, Any]:
    """What batches take the loader's thread, which no step waits for while steps take longer."""
    loader = make_loader(pairs, params.davenet, 0, params.seed)
    began = time.perf_counter()
    first = next(loader)
    drawn = time.perf_counter() - began

    def read() -> int:
        return sum(one.nbytes for _ in range(batches) for one in next(loader).tensors.values())

    size, watched = here(read)
    loader.close()
    return {
        "batch": len(first.captions),
        "first_batch_seconds": round(drawn, 2),
        "milliseconds_a_batch": round(1000 * watched.seconds / batches, 1),
        "processor_milliseconds_a_batch": round(1000 * watched.processor / batches, 1),
        "megabytes_a_batch": round(size / batches / 1e6, 1),
        "megabytes_held": round(watched.own / 1e6),
        "steps_an_epoch": len(pairs.manifest.captions("train")) // len(first.captions),
    }
