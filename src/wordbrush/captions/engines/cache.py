"""What engines have said, kept on disk, so that a slow one speaks each sentence once.

An entry is a file: a line of JSON, then FLAC. Its name is the hash of everything that the sound
depends on. A damaged entry counts as none, and is spoken anew.
"""

import hashlib
import json
import os
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wordbrush.audio.sound import decode
from wordbrush.errors import WordbrushError
from wordbrush.process import variable
from wordbrush.storage.files import write_faults

VARIABLE = "WORDBRUSH_SPEECH"
DEFAULT = ".wordbrush/speech"
FORMAT = 1  # raise it when the same engine, voice and text are made into other sound or times


@dataclass(frozen=True)
class Entry:
    """What was said, and by whom."""

    engine: str
    voice: str
    version: str
    text: str
    rate: int
    pitch: int

    @property
    def path(self) -> Path:
        key = json.dumps([FORMAT, *asdict(self).values()]).encode()
        name = hashlib.sha256(key).hexdigest()
        return Path(variable(VARIABLE) or DEFAULT) / self.engine / name[:2] / f"{name[2:]}.speech"


def read(entry: Entry) -> tuple[np.ndarray, list[dict]] | None:
    """Sound float32 [S] at 16 kHz and its words; None where there is no good entry."""
    try:
        header, _, sound = entry.path.read_bytes().partition(b"\n")
        told = json.loads(header)
        if told["sha256"] != digest(told["words"], sound):
            return None
        return decode(sound, str(entry.path)), told["words"]
    except (OSError, ValueError, KeyError, TypeError, WordbrushError):
        return None


def write(entry: Entry, sound: bytes, words: list[dict]) -> None:
    """Keep an utterance, as FLAC; other processes may keep the same one at the same time."""
    path = entry.path
    header = {"sha256": digest(words, sound), **asdict(entry), "words": words}
    with write_faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, scratch = tempfile.mkstemp(prefix=".", suffix=".partial", dir=path.parent)
        try:
            with open(descriptor, "wb") as file:
                file.write(json.dumps(header).encode() + b"\n" + sound)
            os.replace(scratch, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(scratch)
            raise


def digest(words: list[dict], sound: bytes) -> str:
    return hashlib.sha256(json.dumps(words).encode() + sound).hexdigest()
