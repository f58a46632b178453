"""Objects as files of a folder.

Written by hand: obstore's LocalStore has no conditional update and does not flush to the disk.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from wordbrush.errors import REMEDIES, WordbrushError
from wordbrush.storage.locks import one_at_a_time
from wordbrush.storage.objects import Changed, inside

EXCHANGES = ".exchange"  # its lock is one for all objects of the store


class FolderStore:
    """Hidden files, whose names start with a dot, are locks and unfinished writes, not objects."""

    def __init__(self, root: Path):
        self.root, self.address = root, str(root)

    def read(self, name: str) -> bytes | None:
        with self._faults(name):
            try:
                return (self.root / inside(name)).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, name: str, data: bytes) -> None:
        with self._faults(name), self._scratch(name, data) as scratch:
            os.replace(scratch, self.root / name)

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        with (
            self._faults(name),
            self._scratch(name, data) as scratch,  # first, so that the lock is held briefly
            one_at_a_time(self.root / EXCHANGES),
        ):
            if self.read(name) != before:
                raise Changed(name)
            os.replace(scratch, self.root / name)

    def names(self, folder: str) -> list[str]:
        path = self.root / inside(folder)
        with self._faults(folder):
            if not path.is_dir():
                return []
            return sorted(one.name for one in path.iterdir() if not one.name.startswith("."))

    def delete(self, name: str) -> None:
        with self._faults(name):
            (self.root / inside(name)).unlink(missing_ok=True)

    def clear(self, folder: str) -> None:
        path = self.root / inside(folder)
        with self._faults(folder):
            if path.is_dir():
                shutil.rmtree(path)

    @contextmanager
    def _scratch(self, name: str, data: bytes) -> Iterator[Path]:
        """A hidden file with the data, on the disk, beside the object."""
        path = self.root / inside(name)
        scratch = path.with_name(f".{path.name}.{uuid4().hex}.partial")
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with scratch.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield scratch
        finally:
            scratch.unlink(missing_ok=True)

    @contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        """What the system refuses, as one sentence."""
        try:
            yield
        except OSError as error:
            hint = REMEDIES.get(error.errno or 0, "look at the disk")
            raise WordbrushError(
                f"{self.root / name}: {(error.strerror or str(error)).lower()}; {hint}."
            ) from error
