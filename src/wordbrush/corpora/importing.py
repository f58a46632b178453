"""What was checked becomes Parquet shards: by all cores, resumable, the same bytes by any number.

A shard is written whole by one worker, or not at all, beside the target. Called again, the import
goes on with the shards that are missing, if the source and the settings are as they were.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from wordbrush.corpora import pictures, shards, sounds
from wordbrush.corpora.checking import Checked
from wordbrush.corpora.examining import Facts
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import as_text
from wordbrush.corpora.records import Media, Unusable, Utterance, unpack
from wordbrush.data.recordings import described
from wordbrush.data.splits import CAPTIONED
from wordbrush.errors import WordbrushError
from wordbrush.storage.files import whole_file, write_faults, write_json
from wordbrush.storage.tables import write_table
from wordbrush.telemetry.progress import track
from wordbrush.training.workers import Task, ordered

ROWS = 256  # of a shard: some 50 MB of sound, and what is lost of the work when it is stopped
WORK = "shards"  # in the working folder


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a shard before it is encoded: an utterance, or a picture (without one)."""

    media: Media
    facts: Facts
    image: int
    split: str
    utterance: Utterance | None = None


@dataclass(frozen=True)
class Shard:
    """A file of the collection, relative to it, and its rows."""

    name: str
    rows: Sequence[Row]

    @property
    def kind(self) -> str:
        return self.name.partition("/")[0]


def plan(checked: Checked) -> list[Shard]:
    """The shards of a collection: rows in order, so that neighbours are read together."""
    facts = checked.facts
    spoken = [
        Row(one.sound, facts[one.sound], image, split, one)
        for one, image, split in zip(
            checked.utterances, checked.images, checked.splits, strict=True
        )
    ]
    splits = dict(zip(checked.images, checked.splits, strict=True))
    shown = [
        Row(media, facts[media], image, splits[image])
        for image, media in enumerate(checked.pictures)
    ]
    return [*_shards(shards.PICTURES, shown), *_shards(shards.SPEECH, spoken)]


def _shards(kind: str, rows: Sequence[Row]) -> Iterator[Shard]:
    for split in CAPTIONED:
        own = [row for row in rows if row.split == split]
        parts = [own[at : at + ROWS] for at in range(0, len(own), ROWS)]
        for number, part in enumerate(parts):
            yield Shard(shards.shard_name(kind, split, number, len(parts)), part)


def plan_key(planned: Sequence[Shard], look: Look) -> str:
    """The hash of all that decides the bytes: where it is the same, finished shards are used."""
    digest = hashlib.sha256(json.dumps([shards.FORMAT, ROWS, look.side, look.background]).encode())
    for shard in planned:
        for row in shard.rows:
            one = row.utterance
            said = (
                [one.id, one.speaker, one.language, one.split, one.text, one.words] if one else []
            )
            known = [shard.name, row.facts.sha256, row.media.name, row.image, *said]
            digest.update(json.dumps(known).encode())
    return digest.hexdigest()


def import_collection(
    checked: Checked, reader: str, look: Look, longest: float, target: Path, work: Path
) -> None:
    """Write the collection to `target`, which is not there, and delete the folder `work`.

    work: beside the target; it keeps finished shards of an import that was stopped.
    Raises WordbrushError: a file changed since it was checked, or nothing can be written.
    """
    planned = plan(checked)
    key = plan_key(planned, look)
    folder = work / WORK / key[:16]
    with write_faults(folder):
        for other in (work / WORK).glob("*"):
            if other != folder:  # of another source or other settings
                shutil.rmtree(other)
        for kind in shards.SCHEMAS:
            (folder / kind).mkdir(parents=True, exist_ok=True)
    write_shards(planned, look, longest, folder)
    _describe(checked, reader, look, key, folder)
    with write_faults(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            target.rmdir()  # it is empty
        folder.rename(target)
        shutil.rmtree(work)


def write_shards(planned: Sequence[Shard], look: Look, longest: float, folder: Path) -> None:
    """Write the shards that are not in `folder` already, by all cores."""
    missing = [shard for shard in planned if not _is_whole(folder / shard.name, len(shard.rows))]
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    task = Task(
        partial(write_shard, folder, look, longest), lambda shard: f"writing {shard.name}", chunk=1
    )
    done = len(planned) - len(missing)
    for _ in track(ordered(task, missing, processes), "importing", len(planned), "shard", done):
        pass


def _is_whole(path: Path, rows: int) -> bool:
    try:
        return pq.read_metadata(path).num_rows == rows
    except (OSError, pa.ArrowException):
        return False


def write_shard(folder: Path, look: Look, longest: float, shard: Shard) -> None:
    """In a worker. Raises WordbrushError where a file is not what was checked."""
    encode = _spoken if shard.kind == shards.SPEECH else _shown
    rows = [encode(row, _content(row), look, longest) for row in shard.rows]
    with whole_file(folder / shard.name) as scratch:
        write_table(scratch, rows, described(shards.SCHEMAS[shard.kind]))


def _content(row: Row) -> bytes:
    try:
        data = row.media.read()
    except Unusable as reason:
        raise WordbrushError(f"{reason.detail}, though it was when checked: run again.") from None
    if hashlib.sha256(data).hexdigest() != row.facts.sha256:
        raise WordbrushError(f"{row.media.name!r} changed while it was imported: run again.")
    return data


def _spoken(row: Row, data: bytes, look: Look, longest: float) -> dict[str, Any]:
    one, sound = row.utterance, sounds.load(data, row.media.name, longest)
    assert one is not None
    return {
        "id": one.id,
        "audio": {"bytes": sound.flac(), "path": f"{row.facts.sha256[:16]}.flac"},
        "image": row.image,
        "split": row.split,
        "subset": one.split,
        "speaker": one.speaker,
        "language": one.language,
        "text": one.text,
        "words": unpack(one.words),
        "seconds": sound.seconds,
    }


def _shown(row: Row, data: bytes, look: Look, longest: float) -> dict[str, Any]:
    picture = pictures.load(data, row.media.name, look)
    content, suffix = picture.encoded()
    height, width, _ = picture.pixels.shape
    return {
        "image": row.image,
        "picture": {"bytes": content, "path": f"{row.facts.sha256[:16]}{suffix}"},
        "split": row.split,
        "name": as_text(row.media.name),
        "width": width,
        "height": height,
    }


def _describe(checked: Checked, reader: str, look: Look, key: str, folder: Path) -> None:
    seconds = sum(checked.facts[one.sound].seconds for one in checked.utterances)
    about: shards.About = {
        "format": shards.FORMAT,
        "reader": reader,
        "plan": key,
        "utterances": len(checked.utterances),
        "pictures": len(checked.pictures),
        "hours": round(seconds / 3600, 3),
        "side": look.side,
        "background": look.background,
    }
    write_json(folder / shards.ABOUT, about)
    present = [split for split in CAPTIONED if split in checked.splits]
    with whole_file(folder / shards.CARD) as scratch:
        scratch.write_text(shards.card(list(shards.SCHEMAS), present), encoding="utf-8")
