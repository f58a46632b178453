"""What the imports hold in memory does not grow with the sound and pictures of a collection.

It is measured in a process of its own: in this one, other tests may have left threads that hold
something, too.
"""

import os
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tests.corpora import miniatures as mini
from wordbrush.audio.sound import encode
from wordbrush.corpora import shards
from wordbrush.corpora.division import Division
from wordbrush.corpora.intake import Settings, take_in
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import Source
from wordbrush.data.recordings import described
from wordbrush.params import Params, parse
from wordbrush.stages import import_collection
from wordbrush.storage.files import write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.tables import write_table
from wordbrush.storage.yaml import merge

ROWS = 16  # of a shard
SECONDS = 2.0
NOISE = np.random.default_rng(0).normal(0, 0.1, round(16_000 * SECONDS)).astype(np.float32)
SOUND = encode(NOISE)  # noise can hardly be compressed: 60 kB


def peaks(work: Callable[[Path], None], folder: Path, sizes: list[int]) -> list[int]:
    """Of the work of each size, the most bytes that Python and NumPy held meanwhile.

    That of the first size counts imports and tables, too, which are made once.
    """
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=on_one_core) as process:
        return [process.submit(peak, work, folder / str(size)).result() for size in sizes]


def on_one_core() -> None:
    """One worker, since what several have ready at a time differs from run to run."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def peak(work: Callable[[Path], None], folder: Path) -> int:
    tracemalloc.start()
    work(folder)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most


def collection(folder: Path, parts: int) -> Path:
    """So many shards for training, and one of each other split; a picture has two captions."""
    file = mini.picture(folder / "p.png", 1).read_bytes()
    captions = pictures = 0
    for split, count in {"train": parts, "validation": 1, "test": 1}.items():
        for part in range(count):
            spoken: list[dict] = []
            shown: list[dict] = []
            for _ in range(ROWS):
                spoken.append(
                    {"id": f"u{captions}", "audio": {"bytes": SOUND, "path": "a.flac"},
                     "image": captions // 2, "split": split, "subset": split, "speaker": "s",
                     "language": "xh", "text": "", "words": [], "seconds": SECONDS}
                )  # fmt: skip
                captions += 1
            for _ in range(ROWS // 2):
                shown.append(
                    {"image": pictures, "picture": {"bytes": file, "path": "p.png"},
                     "split": split, "name": "p.png", "width": 24, "height": 16}
                )  # fmt: skip
                pictures += 1
            for kind, rows in ((shards.SPEECH, spoken), (shards.PICTURES, shown)):
                path = folder / shards.shard_name(kind, split, part, count)
                path.parent.mkdir(exist_ok=True)
                write_table(path, rows, described(shards.SCHEMAS[kind]))
    about: shards.About = {
        "format": shards.FORMAT, "reader": "folder", "plan": "", "utterances": captions,
        "pictures": pictures, "hours": 1.0, "side": 16, "background": "white",
    }  # fmt: skip
    write_json(folder / shards.ABOUT, about)
    return folder


def import_shards(tiny: Params, root: Path) -> None:
    changes = {"collection": str(root / "collection"), "captions": {"rows_per_shard": ROWS}}
    import_collection.run(parse(merge(tiny.model_dump(), changes), "test"), Layout(root))


def import_source(root: Path) -> None:
    settings = Settings(None, Look(64, "white"), 20, Division("picture", 0.1, 0.1, 0), ())
    take_in(Source(root / "source"), root / "collection", settings, False, False)


def test_import_collection_holds_a_shard(tiny: Params, tmp_path):
    sizes = [1, 2, 10]
    for parts in sizes:
        collection(tmp_path / str(parts) / "collection", parts)
    _, few, many = peaks(partial(import_shards, tiny), tmp_path, sizes)
    assert few > ROWS * len(SOUND)  # a shard is held
    assert many - few < ROWS * len(SOUND)  # and not eight more


def test_a_source_is_imported_with_a_few_kilobytes_a_row(tmp_path):
    sizes = [10, 20, 120]
    for count in sizes:
        root, rows = tmp_path / str(count), []
        for number in range(count):
            sound = mini.sound(root / f"source/speech/{number}.wav", number, seconds=SECONDS)
            mini.picture(root / f"source/pictures/{number}.png", number)
            rows.append({"picture": f"{number}.png", "speech": sound.name, "text": "a red kite"})
        mini.table(root / "source/captions.csv", rows)
    _, few, many = peaks(import_source, tmp_path, sizes)
    assert (many - few) / 100 < 8_000  # bytes; a sound has 64,000
