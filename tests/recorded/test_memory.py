"""What the imports hold in memory does not grow with the sound and pictures of a collection."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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


def peak(work: Callable[[], None]) -> int:
    """The most bytes that Python and NumPy held meanwhile, beyond those of before."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most - before


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


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One worker, since what several have ready at a time differs from run to run."""
    monkeypatch.setattr("wordbrush.training.workers.usable_cores", lambda: 1)


def test_import_collection_holds_a_shard(alone, tiny: Params, tmp_path):
    def work(parts: int) -> Callable[[], None]:
        root = tmp_path / str(parts)
        folder = collection(root / "collection", parts)
        changes = {"collection": str(folder), "captions": {"rows_per_shard": ROWS}}
        params = parse(merge(tiny.model_dump(), changes), "test")
        return lambda: import_collection.run(params, Layout(root))

    peak(work(1))  # imports and tables that are made once
    few, many = (peak(work(parts)) for parts in (2, 10))
    assert few > ROWS * len(SOUND)  # a shard is held
    assert many - few < ROWS * len(SOUND)  # and not eight more


def test_a_source_is_imported_with_a_few_kilobytes_a_row(alone, tmp_path):
    def work(count: int) -> Callable[[], None]:
        root, rows = tmp_path / str(count), []
        for number in range(count):
            sound = mini.sound(root / f"source/speech/{number}.wav", number, seconds=SECONDS)
            mini.picture(root / f"source/pictures/{number}.png", number)
            rows.append({"picture": f"{number}.png", "speech": sound.name, "text": "a red kite"})
        mini.table(root / "source/captions.csv", rows)
        settings = Settings(None, Look(64, "white"), 20, Division("picture", 0.1, 0.1, 0), ())
        source = Source(root / "source")
        return lambda: take_in(source, root / "collection", settings, False, False)

    peak(work(10))
    few, many = (peak(work(count)) for count in (20, 120))
    assert (many - few) / 100 < 8_000  # bytes; a sound has 64,000
