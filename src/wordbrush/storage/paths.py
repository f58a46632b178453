"""Paths as people write them: in options, environment variables and params.yaml."""

import unicodedata
from os import PathLike, fspath
from pathlib import Path
from urllib.parse import unquote

from wordbrush.errors import WordbrushError

FILE = "file://"


def given_path(text: str | PathLike[str]) -> Path:
    """The path that somebody wrote: `~` is a home folder, file:///folder is /folder.

    Shells expand `~` only at the beginning of a word, so not in --option=~/folder.
    Raises WordbrushError: the text is empty, has white space around it or a control character, is
    an address of another kind, or begins with the `~` of an unknown user.
    """
    text = fspath(text)
    require_clean(text)
    if text.startswith(FILE):
        text = _path_of_address(text)
    elif "://" in text:
        raise WordbrushError(f"{text!r} is an address; a path on this machine is needed.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise WordbrushError(
            f"{text!r} cannot be found: the home folder of that user is not known; write the whole "
            "path."
        ) from None


def given_address(text: str) -> str:
    """The address of a store that somebody wrote: of a bucket as it is, of a folder its path.

    Raises WordbrushError as `given_path` does.
    """
    require_clean(text)
    is_path = "://" not in text or text.startswith(FILE)
    return str(given_path(text)) if is_path else text


def require_clean(text: str) -> None:
    """Raises WordbrushError for text that is empty, or has characters that no one means."""
    if not text.strip():
        raise WordbrushError(f"{text!r} is no path or address: name one.")
    if text != text.strip():
        raise WordbrushError(f"{text!r} begins or ends with white space: leave that out.")
    if any(unicodedata.category(one) == "Cc" for one in text):
        raise WordbrushError(f"{text!r} has a control character: use another name.")


def _path_of_address(address: str) -> str:
    machine, slash, path = address.removeprefix(FILE).partition("/")
    if machine not in ("", "localhost") or not path:
        raise WordbrushError(
            f"{address!r} is no file on this machine; an example: file:///home/me/store."
        )
    path = unquote(slash + path)
    require_clean(path)
    return path
