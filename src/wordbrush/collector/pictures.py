"""The pictures that are described: taken from a folder or an imported collection, once."""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePath

from wordbrush.collector.store import Store, synced
from wordbrush.corpora import shards
from wordbrush.corpora.pictures import BACKGROUND, TYPES, Look, pictures_in
from wordbrush.errors import WordbrushError

SIDE = 512  # pixels that the shorter side has at most


def take_in(store: Store, source: Path) -> int:
    """Copy the pictures of `source` into a store, without their metadata; how many are shown.

    Pictures that are there already are not copied again, and those that `source` no longer has are
    not shown to anybody else; what was said of them stays.
    Raises WordbrushError where there is no such folder, no picture in it, or a file is none.
    """
    if not source.is_dir():
        raise WordbrushError(f"{source} is no folder: name one with pictures.")
    found: dict[str, str] = {}
    for content, suffix in _contents(source):
        name = hashlib.sha256(content).hexdigest()
        file = f"{name}{suffix}"
        if not store.picture(file).exists():
            synced(store.picture(file), content)
        found[name] = file
    if not found:
        raise WordbrushError(f"{source} holds no pictures ({', '.join(TYPES)}): name another.")
    with store.database as database:
        database.execute("UPDATE picture SET shown = 0")
        database.executemany(
            "INSERT INTO picture VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET shown = 1",
            list(found.items()),
        )
    return len(found)


def _contents(source: Path) -> Iterator[tuple[bytes, str]]:
    if not (source / shards.ABOUT).is_file():
        yield from pictures_in(source, Look(SIDE, BACKGROUND))
        return
    for row in shards.read_rows(source, shards.PICTURES, ["picture"]):
        yield row["picture"]["bytes"], PurePath(row["picture"]["path"]).suffix


def picture_of(store: Store, sha256: str) -> Path | None:
    """Where a picture is; None: there is none of this name."""
    row = store.database.execute("SELECT file FROM picture WHERE sha256 = ?", (sha256,)).fetchone()
    return store.picture(row[0]) if row else None
