"""The folder in which a collection grows: a database, pictures, and recordings.

    collect.sqlite      links, consents, who was shown what, and what is known of each recording
    pictures/SHA256.png as people see them
    recordings/ID.flac  what was accepted: 16 kHz, one channel, 16 bits
    parts/NAME-ID.pcm   what somebody is saying now: 16 kHz, one channel, 16 bits

A recording counts when the database names it. Files that it does not name, as a server that was
killed leaves them, are deleted when the next one starts.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import require_file, write_faults
from wordbrush.storage.locks import alone

DATABASE = "collect.sqlite"
PICTURES, RECORDINGS, PARTS = "pictures", "recordings", "parts"
FORMAT = 2
PRIVATE = 0o700
BUSY_SECONDS = 30.0  # for another process, such as an export, to end its transaction
SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE consent (version TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE picture (
    sha256 TEXT PRIMARY KEY, file TEXT NOT NULL,
    shown INTEGER NOT NULL              -- 0: it is no longer among the pictures to be described
);
CREATE TABLE speaker (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    token TEXT UNIQUE,                  -- of the link; NULL: it was closed
    name TEXT UNIQUE NOT NULL,          -- random: what stands for the speaker in what is exported
    consent TEXT REFERENCES consent, consented TEXT, language TEXT
);
CREATE TABLE item (                     -- a picture that a speaker was given
    speaker INTEGER NOT NULL REFERENCES speaker ON DELETE CASCADE,
    picture TEXT NOT NULL REFERENCES picture,
    given REAL,                         -- when; NULL once it was submitted
    PRIMARY KEY (speaker, picture)
);
CREATE INDEX item_picture ON item (picture);
CREATE TABLE recording (
    id TEXT PRIMARY KEY, speaker INTEGER NOT NULL, picture TEXT NOT NULL,
    attempt TEXT NOT NULL,              -- what the page called it: asked again, it is the same
    sha256 TEXT NOT NULL, sketch BLOB NOT NULL, facts TEXT NOT NULL,
    language TEXT NOT NULL, consent TEXT NOT NULL REFERENCES consent,
    consented TEXT,                     -- when the speaker had agreed to this version
    UNIQUE (speaker, picture),
    FOREIGN KEY (speaker, picture) REFERENCES item ON DELETE CASCADE
);
CREATE TABLE receipt (
    sha256 TEXT PRIMARY KEY,
    speaker INTEGER NOT NULL REFERENCES speaker ON DELETE CASCADE
);
"""
FROM_FORMAT_1 = """
ALTER TABLE recording ADD COLUMN consented TEXT;
UPDATE recording SET consented = (SELECT consented FROM speaker WHERE number = speaker);
"""


@dataclass(frozen=True)
class Store:
    """Used by one thread at a time."""

    folder: Path
    database: sqlite3.Connection

    def picture(self, file: str) -> Path:
        return self.folder / PICTURES / file

    def recording(self, name: str) -> Path:
        return self.folder / RECORDINGS / f"{name}.flac"

    def part(self, speaker: str, attempt: str) -> Path:
        return self.folder / PARTS / f"{speaker}-{attempt}.pcm"

    def free(self) -> int:
        """Bytes of the disk."""
        return shutil.disk_usage(self.folder).free


@contextmanager
def opened(folder: Path) -> Iterator[Store]:
    """A store, made where there is none.

    Raises WordbrushError where the folder holds other things, or is of a newer version.
    """
    path = folder / DATABASE
    if folder.is_dir() and not path.exists() and any(folder.iterdir()):
        raise WordbrushError(
            f"{folder} holds other things than a collection: name a folder that is empty or new."
        )
    with write_faults(folder):
        for name in (PICTURES, RECORDINGS, PARTS):
            (folder / name).mkdir(parents=True, exist_ok=True)
        folder.chmod(PRIVATE)
    with existing(folder, create=True) as store:
        yield store


@contextmanager
def existing(folder: Path, create: bool = False) -> Iterator[Store]:
    """A store that is there. Raises WordbrushError where there is none."""
    path = folder / DATABASE
    if not create:
        require_file(path)
    try:
        database = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
        try:
            _prepare(database, path)
            yield Store(folder, database)
        finally:
            database.close()
    except sqlite3.OperationalError as error:
        raise WordbrushError(f"{path} cannot be used: {error}.") from None
    except sqlite3.DatabaseError as error:
        raise WordbrushError(f"{path} is damaged ({error}): bring it back from a backup.") from None


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.execute("PRAGMA foreign_keys = ON")
    database.execute("PRAGMA secure_delete = ON")  # what somebody deletes is overwritten
    database.execute("PRAGMA synchronous = FULL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > FORMAT:
        raise WordbrushError(f"{path} has a newer format: upgrade wordbrush.")
    if version < FORMAT:
        change = FROM_FORMAT_1 if version else SCHEMA
        database.executescript(f"BEGIN; {change} PRAGMA user_version = {FORMAT}; COMMIT;")


@contextmanager
def served_alone(folder: Path) -> Iterator[None]:
    """Raises WordbrushError where another server has this store."""
    with alone(folder / "serving", f"{folder} is served already: stop that server first."):
        yield


def synced(path: Path, content: bytes) -> None:
    """Write a file so that it is there after a power cut, too."""
    scratch = path.with_name(f".{path.name}.partial")
    with scratch.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(scratch, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
