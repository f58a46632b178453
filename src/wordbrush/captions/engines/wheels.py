"""Files of wheels: where they are, and whether their bytes are those that were published."""

import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from wordbrush.errors import WordbrushError


def folder_of(module: str, package: str) -> Path:
    """Where a package of data lies. Raises WordbrushError, which names it, where it is missing."""
    spec = find_spec(module)
    if spec is None or spec.origin is None:
        raise WordbrushError(f"{module.replace('_', '-')} is not installed: {package}.")
    return Path(spec.origin).parent


def checked(parts: Sequence[Path], sha256: str) -> bytes:
    """The bytes of files, joined. Raises WordbrushError where one is missing, or any is altered."""
    try:
        data = b"".join(part.read_bytes() for part in parts)
    except OSError as error:
        raise WordbrushError(
            f"{error.filename} is missing: pip install --force-reinstall its package."
        ) from None
    if hashlib.sha256(data).hexdigest() != sha256:
        names = ", ".join(map(str, parts))
        raise WordbrushError(
            f"{names}: not the bytes that were published (their SHA-256 is another): pip install "
            "--force-reinstall the packages that hold them."
        )
    return data
