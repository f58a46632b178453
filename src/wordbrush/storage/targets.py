"""Where a file is to be written: found out before the work, by trying, and not after it."""

import os
import tempfile
from pathlib import Path

from wordbrush.errors import WordbrushError


def require_target(path: Path, what: str) -> Path:
    """The path itself, if a file can be written there; nothing is left behind.

    what: how people call it, such as --output.
    Raises WordbrushError: it is empty, a folder, a device, or its folder takes no file.
    """
    try:
        if path.is_dir():
            raise WordbrushError(f"{what} {path} is a folder: name a file.")
        if path.exists() and not path.is_file():
            raise WordbrushError(f"{what} {path} is a device or the like: name a file.")
        if len(os.fsencode(path.name)) + len("..partial") > os.pathconf("/", "PC_NAME_MAX"):
            raise OSError("its name is too long")
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise WordbrushError(
            f"{what} {path} cannot be written ({reason}): name a file in a folder that can."
        ) from None
    return path
