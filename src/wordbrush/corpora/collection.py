"""An imported collection, read for training: squares of pictures, and speech with its features.

Shards are read one after another, by all cores, and nothing is held but those at work.
"""

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import kept
from wordbrush.audio.sound import decode
from wordbrush.corpora import shards
from wordbrush.data.manifest import Manifest
from wordbrush.data.origin import Origin
from wordbrush.data.splits import CAPTIONED
from wordbrush.errors import WordbrushError, advising, optional_packages
from wordbrush.storage.tables import read_table
from wordbrush.telemetry.progress import track
from wordbrush.training.workers import Task, one_thread, ordered

with optional_packages():
    from PIL import Image, ImageOps

LEAST = 2  # pictures of each split: among one, every caption finds its picture
COLUMNS = ("image", "split", "speaker", "language")  # of the manifest


@dataclass(frozen=True)
class Heard:
    """A caption as it is kept: its row of the collection, FLAC with silence around what is spoken,
    the words timed in it, and features float16 [T, bands]."""

    row: dict
    sound: bytes
    words: list[dict]
    frames: np.ndarray


def read_collection(folder: Path) -> Manifest:
    """The captions of a collection, in the order of `hear`.

    Raises WordbrushError where there is no collection, or where a split has too few pictures to
    train or to measure on.
    """
    if not (folder / shards.ABOUT).is_file():
        raise WordbrushError(
            f"{folder} holds no collection ({shards.ABOUT} is missing): make it with "
            "`wordbrush data SOURCE TARGET`, or name another folder in params.yaml (collection)."
        )
    about = shards.read_about(folder)
    manifest = Manifest.of(list(shards.read_rows(folder, shards.SPEECH, COLUMNS)))
    if len(manifest) != about["utterances"]:
        raise WordbrushError(
            f"{folder} has {len(manifest)} captions of {about['utterances']}. {shards.REMAKE}"
        )
    manifest.require_disjoint(folder)
    for split in CAPTIONED:
        captions = manifest.captions(split)
        if (count := len(manifest.pictures(captions))) < LEAST:
            found = f"{count} picture{'s' * (count != 1)} with captions"
            raise WordbrushError(
                f"{folder} has {found} for {split}, and {LEAST} or more are needed: import more, "
                "or divide them otherwise (wordbrush data --validation --test)."
            )
    return manifest


def origin(folder: Path) -> Origin:
    """What is kept of where the pictures and captions came from."""
    about = shards.read_about(folder)
    return {name: about[name] for name in Origin.__annotations__}  # type: ignore[literal-required,return-value]


def see(folder: Path, size: int) -> Iterator[np.ndarray]:
    """Every picture, the centre square of it scaled to `size` pixels: uint8 [n, size, size, 3] of
    each shard, in order. Raises WordbrushError where a shard is missing or damaged."""
    yield from _each(folder, shards.PICTURES, partial(squares_in, size), "scaling pictures")


def hear(folder: Path, config: FeatureConfig) -> Iterator[Heard]:
    """Every caption, in order. Raises WordbrushError where a shard is missing or damaged."""
    for found in _each(folder, shards.SPEECH, partial(captions_in, config), "hearing captions"):
        yield from found


def _each(folder: Path, kind: str, function: partial, title: str) -> Iterator:
    paths = list(shards.shard_paths(folder, kind))
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    task = Task(function, lambda path: f"reading {path}", chunk=1, prepare=one_thread)
    yield from track(ordered(task, paths, processes), title, len(paths), "shard")


def squares_in(size: int, path: Path) -> np.ndarray:
    """The pictures of a shard: uint8 [n, size, size, 3]."""
    with advising(shards.REMAKE):
        rows = read_table(path, shards.PICTURE_SCHEMA, ["picture"])
    return np.stack([square(row["picture"]["bytes"], size) for row in rows])


def square(data: bytes, size: int) -> np.ndarray:
    """The largest square in the middle of a picture, scaled: uint8 [size, size, 3]."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(ImageOps.fit(picture.convert("RGB"), (size, size), Image.Resampling.BOX))


def captions_in(config: FeatureConfig, path: Path) -> list[Heard]:
    """The captions of a shard."""
    with advising(shards.REMAKE):
        rows = read_table(path, shards.SPEECH_SCHEMA)
    return [heard(config, row) for row in rows]


def heard(config: FeatureConfig, row: dict) -> Heard:
    """A row of `speech`, with silence before and after, as spoken captions have it."""
    sound = decode(row["audio"]["bytes"], f"the sound of {row['id']!r}")
    return Heard(row, *kept(sound, row["words"] or [], config))


def counts(manifest: Manifest) -> dict[str, float]:
    """Of metrics/samples.json: pictures of each split, speakers, languages, captions a picture."""
    pictures = {split: len(manifest.pictures(manifest.captions(split))) for split in CAPTIONED}
    named = {
        "speakers": len(set(manifest.speakers.tolist()) - {""}),
        "languages": len(set(manifest.languages.tolist()) - {""}),
    }
    most = max(Counter(manifest.images.tolist()).values())
    return {**pictures, **named, "captions": len(manifest), "most_captions": most}
