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
from wordbrush.data.views import Seen
from wordbrush.errors import WordbrushError, advising, optional_packages
from wordbrush.params import PairsHeard
from wordbrush.storage.tables import read_table
from wordbrush.telemetry.progress import track
from wordbrush.training.workers import Task, one_thread, ordered

with optional_packages():
    from PIL import Image, ImageOps

LEAST = 2  # pictures of each split: among one, every caption finds its picture
COLUMNS = ("image", "split", "speaker", "language")  # of the manifest


@dataclass(frozen=True)
class Heard:
    """A caption as it is kept: its row of the collection without the sound, FLAC with silence
    around what is spoken, the words timed in it, and features float16 [T, bands]."""

    row: dict
    sound: bytes
    words: list[dict]
    frames: np.ndarray


def read_collection(folder: Path, heard: PairsHeard, seed: int) -> Manifest:
    """The captions of a collection, in the order of `hear`; those that training shall not hear have
    a split of their own, drawn by the seed.

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
    manifest = manifest.without(heard.unheard_languages, heard.unheard_share, seed)
    for split in CAPTIONED:
        captions = manifest.captions(split)
        if (count := len(manifest.pictures(captions))) < LEAST:
            found = f"{count} picture{'s' * (count != 1)} with captions"
            raise WordbrushError(
                f"{folder} has {found} for {split}, and {LEAST} or more are needed: import more, "
                "or divide them otherwise (wordbrush data --validation --test)"
                f"{', or keep fewer captions unheard (pairs)' if heard.unheard_languages else ''}."
            )
    return manifest


def origin(folder: Path) -> Origin:
    """What is kept of where the pictures and captions came from."""
    about = shards.read_about(folder)
    return {name: about[name] for name in Origin.__annotations__}  # type: ignore[literal-required,return-value]


def see(folder: Path, size: int, side: int | None = None) -> Iterator[Seen]:
    """Every picture, shard by shard, in order.

    Without a side, a picture is its middle square, scaled to `size` pixels. With one, its shorter
    side is scaled to it; the middle square is cut out of that, and all of it is kept too.
    Raises WordbrushError where a shard is missing or damaged.
    """
    yield from _each(folder, shards.PICTURES, partial(seen_in, size, side), "scaling pictures")


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


def seen_in(size: int, side: int | None, path: Path) -> Seen:
    """The pictures of a shard."""
    with advising(shards.REMAKE):
        rows = read_table(path, shards.PICTURE_SCHEMA, ["picture"])
    files = [row["picture"]["bytes"] for row in rows]
    if side is None:
        return Seen(np.stack([square(file, size) for file in files]), [])
    wide = [scaled(file, side) for file in files]
    return Seen(np.stack([middle(picture, size) for picture in wide]), wide)


def scaled(data: bytes, side: int) -> np.ndarray:
    """A picture whose shorter side is scaled to `side`: uint8 [H, W, 3]."""
    with Image.open(io.BytesIO(data)) as picture:
        shorter = min(picture.size)
        width, height = (round(length * side / shorter) for length in picture.size)
        return np.asarray(picture.convert("RGB").resize((width, height), Image.Resampling.BOX))


def middle(picture: np.ndarray, size: int) -> np.ndarray:
    """The square in the middle of a picture [H, W, 3], of `size` pixels."""
    top, left = ((length - size + 1) // 2 for length in picture.shape[:2])
    return picture[top : top + size, left : left + size]


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
    sound = decode(row.pop("audio")["bytes"], f"the sound of {row['id']!r}")
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
