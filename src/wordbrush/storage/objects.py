"""What a store of small objects is; folders.py, buckets.py and cloud.py have one each.

Checkpoints and the registry are kept in one. An object is bytes under a name: complete or absent.
"""

from pathlib import PurePosixPath
from typing import Protocol

from wordbrush.errors import WordbrushError

PATIENCE = (
    120.0  # seconds of retries, for a bucket that answers 429 or 5xx or breaks the connection
)
PAUSES = (0.5, 10.0)  # seconds before the first retry, and at most; each is twice the one before


class Changed(Exception):
    """The object to be replaced is no longer what it was."""


class Store(Protocol):
    """Names are relative, with slashes. All raise WordbrushError where the store refuses."""

    address: str  # as people write it: a folder, or gs://bucket/prefix and the like

    def read(self, name: str) -> bytes | None:
        """An object, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write or replace an object: whoever reads sees all of the old one or all of the new."""

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        """Write, if the object still is `before` (None: absent). Raises Changed.

        Of several exchanges at once that start from the same `before`, one succeeds. An object that
        is exchanged should be written in no other way.
        """

    def names(self, folder: str) -> list[str]:
        """The names directly in `folder`, sorted."""

    def delete(self, name: str) -> None:
        """Delete an object, if it exists."""

    def clear(self, folder: str) -> None:
        """Delete every object directly in `folder`."""


def inside(name: str) -> PurePosixPath:
    """The name as a path. Raises WordbrushError where it would leave the store."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise WordbrushError(f"{name!r} is not a name inside a store.")
    return path
