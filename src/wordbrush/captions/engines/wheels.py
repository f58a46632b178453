"""Files of wheels: where they are, and whether their bytes are those that were published."""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from wordbrush.errors import WordbrushError


@dataclass(frozen=True)
class Part:
    """Files of wheels, and the SHA-256 of their bytes, joined, as they were published."""

    files: tuple[Path, ...]
    sha256: str


def folder_of(module: str, package: str) -> Path:
    """Where a package of data lies. Raises WordbrushError, which names it, where it is missing."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise WordbrushError(f"{module.replace('_', '-')} is not installed: {package}.")
    return Path(spec.origin).parent


def checked(part: Part) -> bytes:
    """The bytes of its files, joined. Raises WordbrushError where one is missing, or any is
    altered."""
    try:
        data = b"".join(file.read_bytes() for file in part.files)
    except OSError as error:
        raise WordbrushError(
            f"{error.filename} is missing: pip install --force-reinstall its package."
        ) from None
    if hashlib.sha256(data).hexdigest() != part.sha256:
        names = ", ".join(map(str, part.files))
        raise WordbrushError(
            f"{names}: not the bytes that were published (their SHA-256 is another): pip install "
            "--force-reinstall the packages that hold them."
        )
    return data
