"""Building an index: pictures are looked at in parts, by all cores, and parts are kept.

What is finished lies beside the target, so that a build that was stopped resumes, and the target is
there only when all of it is. Parts are named after their pictures: if some of a folder's pictures
change, or new ones follow the last, only their parts are made again.
"""

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from wordbrush.errors import WordbrushError
from wordbrush.model import Model, load_model
from wordbrush.search.anchors import find_anchors, maxima
from wordbrush.search.config import (
    ANCHOR_FILE,
    MANIFEST,
    IndexConfig,
    PartRecord,
    file_digest,
    model_digest,
    read_anchors,
)
from wordbrush.search.parts import StoredPart, kept_record
from wordbrush.search.quantised import Quantised
from wordbrush.search.sources import Item, Source
from wordbrush.storage.configs import write_config
from wordbrush.storage.files import (
    read_json,
    require_new,
    require_space,
    whole_file,
    write_faults,
    write_json,
)
from wordbrush.storage.locks import alone
from wordbrush.telemetry.progress import Progress
from wordbrush.training.workers import Task, one_thread, ordered

SETTINGS = "settings.json"
SEEN = 256  # pictures whose features a worker holds at a time, in float32
LAYOUT = 1  # grows when parts hold something else: those of older builds are then made again


@dataclass(frozen=True)
class Desk:
    """What a worker needs to know. model: its folder. work: where parts are written."""

    model: Path
    work: Path


def build(folder: Path, source: Source, target: Path) -> None:
    """Make the index `target` of a source's pictures, as the model in `folder` sees them.

    Raises WordbrushError: the target exists, another build of it is at work, the model cannot be
    searched with or does not draw, a picture cannot be read, the disk is full.
    """
    require_new(target)
    model = load_model(folder)
    require_searchable(model, source)
    work = target.parent / f".{target.name}.index"
    with alone(work / "build", f"{work} is in use: another wordbrush index is building {target}."):
        kept = work / key_of(folder, source)
        with write_faults(kept):
            kept.mkdir(exist_ok=True)  # beside those of other models and sources
        _prepare(model, source, kept)
        items = source.items()
        records = write_parts(Desk(folder, kept), items, len(source))
        _describe(folder, model, source, records, kept)
        with write_faults(target):
            if target.is_dir():
                target.rmdir()  # it is empty
            kept.rename(target)
            (target / SETTINGS).unlink()  # last: without it, the anchors would be sought anew
    shutil.rmtree(work)


def require_searchable(model: Model, source: Source) -> None:
    """Raises WordbrushError for a model of another similarity, or that cannot draw drawings."""
    kind = model.encoders.config.similarity
    if kind != "MISA":
        raise WordbrushError(
            f"this model compares by {kind}, and an index is searched by MISA: train it with "
            "davenet.similarity: MISA, or search a gallery (wordbrush explore --gallery)."
        )
    if source.kind == "drawings":
        model.drawing  # noqa: B018 - raises where there is none


def key_of(folder: Path, source: Source) -> str:
    """What finished parts have in common: model, source and layout."""
    where = source.where if source.kind == "drawings" else str(Path(source.where).resolve())
    known = [LAYOUT, model_digest(folder), source.kind, where]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]


def _prepare(model: Model, source: Source, work: Path) -> None:
    """The anchors, unless an earlier call found them."""
    if (work / SETTINGS).is_file():
        return
    anchors, found_in = find_anchors(model, source)
    with whole_file(work / ANCHOR_FILE) as scratch, scratch.open("wb") as file:
        np.save(file, anchors)
    write_json(work / SETTINGS, {"anchors_of": found_in})


def write_parts(desk: Desk, items: Sequence[Item], pictures: int) -> list[PartRecord]:
    """The records of all parts, in order; those that are missing are made by all cores."""
    found = {item.key: kept_record(desk.work / item.key) for item in items}
    missing = [item for item in items if found[item.key] is None]
    done = sum(record.pictures for record in found.values() if record is not None)
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    task = Task(partial(make_part, desk), _named, chunk=1, prepare=one_thread)
    with Progress("indexing", pictures, "picture", done) as progress:
        for made in ordered(task, missing, processes):
            found[made.name] = made
            progress.advance(made.pictures)
            _require_room(desk.work, made, pictures - round(progress.done))
    return [record for item in items if (record := found[item.key]) is not None]


def _named(item: Item) -> str:
    return f"looking at pictures (part {item.key})"


def _require_room(work: Path, record: PartRecord, left: int) -> None:
    """Raises WordbrushError as soon as it is clear that the disk will be full."""
    size = sum((work / record.name / name).stat().st_size for name in record.sha256)
    require_space(work, size * left // record.pictures, "the rest of the index")


@cache
def loaded(folder: Path) -> Model:
    """In a worker: it makes many parts with one model."""
    return load_model(folder)


def make_part(desk: Desk, item: Item) -> PartRecord:
    """In a worker. Raises WordbrushError: a picture cannot be read, the disk is full."""
    model = loaded(desk.model)
    anchors = read_anchors(desk.work, model.encoders.config.embedding)
    looked = item.look(model)
    cells, answers = [], []
    for first in range(0, len(looked.pictures), SEEN):
        features = model.see(looked.pictures[first : first + SEEN]).cpu()
        cells.append(Quantised.of(features))
        answers.append(maxima(features, anchors).half().numpy())
    part = StoredPart(
        Quantised.joined(cells),
        np.concatenate(answers),
        looked.pictures if looked.latents is None else None,
        looked.latents,
    )
    return part.write(desk.work / item.key)


def _describe(
    folder: Path, model: Model, source: Source, records: list[PartRecord], work: Path
) -> None:
    """Write index.json, and delete parts that are no longer in the index."""
    named = {record.name for record in records}
    for path in work.iterdir():
        if path.is_dir() and path.name not in named:
            shutil.rmtree(path)
    settings = read_json(work / SETTINGS, dict[str, str])
    embedding = model.encoders.config.embedding
    blank = np.zeros((1, model.side, model.side, 3), np.uint8)
    height, width = model.see(blank).shape[2:]
    about = IndexConfig(
        version=version("wordbrush"),
        model=model_digest(folder),
        height=height,
        width=width,
        embedding=embedding,
        side=model.side,
        kind=source.kind,
        where=source.where,
        pictures=sum(record.pictures for record in records),
        anchors=len(read_anchors(work, embedding)),
        anchors_of=settings["anchors_of"],
        sha256=file_digest(work / ANCHOR_FILE),
        parts=records,
    )
    write_config(work / MANIFEST, about)
