"""A recording from its first sample to its place: kept while it is spoken, checked, and named."""

import errno
import hashlib
import json
import os
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE, encode
from wordbrush.collector.checks import LONGEST, Measured, Reason, measure, reasons
from wordbrush.collector.speakers import Failing, Speaker, Unasked, unlink
from wordbrush.collector.store import PARTS, RECORDINGS, Store, synced
from wordbrush.collector.tasks import KEPT_SECONDS

SAMPLE_BYTES = 2
SLACK_SECONDS = 1.0  # from when a page stops to when it knows
MOST_BYTES = round((LONGEST + SLACK_SECONDS) * SAMPLE_RATE) * SAMPLE_BYTES
LEAST_FREE = 256 << 20  # bytes of the disk, without which nobody begins


@dataclass
class Part:
    """A recording that is being made. size: bytes that are kept."""

    speaker: Speaker
    picture: str
    attempt: str
    path: Path
    file: BinaryIO
    size: int

    def append(self, data: bytes) -> bool:
        """Whether there was room for it in a recording.

        Raises Failing where the disk does not take it.
        """
        if self.size + len(data) > MOST_BYTES:
            return False
        try:
            written = self.file.write(data)
        except OSError as fault:
            raise Failing(fault) from None
        if written != len(data):  # the file has no buffer, and the disk took only a part
            raise Failing(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        self.size += written
        return True

    def samples(self) -> np.ndarray:
        self.file.seek(0)
        return np.frombuffer(self.file.read(), "<i2")

    def close(self) -> None:
        self.file.close()

    def drop(self) -> None:
        self.close()
        with suppress(OSError):  # what a failing disk keeps is swept later
            self.path.unlink()


def begin(store: Store, speaker: Speaker, picture: str, attempt: str) -> Part:
    """Begin an attempt at a picture, or go on with it. A speaker has one at a time.

    Raises Unasked for a picture that the speaker was not given, and where the disk is nearly full.
    """
    require_given(store, speaker, picture)
    path = store.part(speaker.name, attempt)
    for other in (store.folder / PARTS).glob(f"{speaker.name}-*"):
        if other != path:
            other.unlink(missing_ok=True)
    size = 0
    with suppress(FileNotFoundError):
        size = path.stat().st_size
    file = path.open("a+b", buffering=0)  # so that what was written outlives a killed server
    if size % SAMPLE_BYTES:
        size -= 1
        file.truncate(size)
    return Part(speaker, picture, attempt, path, file, size)


def require_given(store: Store, speaker: Speaker, picture: str) -> None:
    """Raises Unasked for a picture that is not in the speaker's task, and for a full disk."""
    given = store.database.execute(
        "SELECT 1 FROM item WHERE speaker = ? AND picture = ? AND given IS NOT NULL",
        (speaker.number, picture),
    ).fetchone()
    if given is None:
        raise Unasked("this picture is not to be described now: load the page again")
    if store.free() < LEAST_FREE:
        raise Unasked("the disk of this server is full: tell who invited you, and come back later")


def accepted_before(store: Store, speaker: Speaker, attempt: str) -> dict[str, Any] | None:
    """What is known of an attempt that was accepted; None: there is none."""
    row = store.database.execute(
        "SELECT facts FROM recording WHERE speaker = ? AND attempt = ?", (speaker.number, attempt)
    ).fetchone()
    return json.loads(row[0]) if row else None


def sketches(store: Store, speaker: Speaker, picture: str) -> list[bytes]:
    """Of the speaker's recordings of other pictures."""
    rows = store.database.execute(
        "SELECT sketch FROM recording WHERE speaker = ? AND picture != ?", (speaker.number, picture)
    )
    return [one for (one,) in rows]


def examined(samples: np.ndarray, before: list[bytes]) -> tuple[Measured, list[Reason], bytes]:
    """What is found of a recording int16 [S], why it is refused, and its FLAC file.

    This takes some tenths of a second, and needs no store.
    """
    found = measure(samples)
    why = reasons(found, before)
    return found, why, b"" if why else encode(samples)


def keep(
    store: Store, speaker: Speaker, picture: str, attempt: str, found: Measured, flac: bytes
) -> list[Reason]:
    """Keep a recording that was accepted, in place of an earlier one of this picture.

    Why it is refused after all: somebody else has sent the same file.
    Raises Unasked where the picture was submitted or given up meanwhile.
    """
    require_given(store, speaker, picture)
    sha256 = hashlib.sha256(flac).hexdigest()
    twice = store.database.execute(
        "SELECT 1 FROM recording WHERE sha256 = ? AND (speaker, picture) != (?, ?)",
        (sha256, speaker.number, picture),
    ).fetchone()
    if twice:
        return [Reason("duplicate", "This recording was sent before: describe the picture anew.")]
    name = secrets.token_hex(16)
    synced(store.recording(name), flac)
    os.utime(store.recording(name), (0, 0))  # nobody is to see when it was said
    old = store.database.execute(
        "SELECT id FROM recording WHERE speaker = ? AND picture = ?", (speaker.number, picture)
    ).fetchall()
    with store.database as database:
        database.execute(
            "INSERT OR REPLACE INTO recording SELECT ?, number, ?, ?, ?, ?, ?, language, consent, "
            "consented FROM speaker WHERE number = ?",
            (name, picture, attempt, sha256, found.sketch, json.dumps(found.facts()),
             speaker.number),
        )  # fmt: skip
    unlink(store, [one for (one,) in old])
    return []


def flac_of(store: Store, speaker: Speaker, picture: str) -> bytes:
    """A speaker's own recording. Raises Unasked where there is none."""
    row = store.database.execute(
        "SELECT id FROM recording WHERE speaker = ? AND picture = ?", (speaker.number, picture)
    ).fetchone()
    if row is None:
        raise Unasked("nothing is recorded of this picture")
    return store.recording(row[0]).read_bytes()


def sweep(store: Store) -> None:
    """Delete files that a killed server left: recordings without a row, and old parts."""
    named = {name for (name,) in store.database.execute("SELECT id FROM recording")}
    for path in (store.folder / RECORDINGS).iterdir():
        if path.is_file() and (path.suffix != ".flac" or path.stem not in named):
            path.unlink()
    for path in (store.folder / PARTS).iterdir():
        if path.is_file() and path.stat().st_mtime < time.time() - KEPT_SECONDS:
            path.unlink()
