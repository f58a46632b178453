"""DVC keeps a folder as a listing of names and hashes, and writes wherever the names lead.

Here, names that lead out of the folder are refused.
"""

from functools import cache, wraps
from pathlib import PurePosixPath
from typing import Any

from dvc_data.hashfile.tree import Tree

from wordbrush.errors import WordbrushError


def require_inside(name: str) -> None:
    """Raises WordbrushError for a name that is absolute, or leads up."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise WordbrushError(
            f"{name!r}, which a lock or a folder's listing names, lies outside of the folder: "
            "it is refused."
        )


@cache
def guard() -> None:
    """Make DVC refuse, in this process, every listing that leaves its folder."""
    tree: Any = Tree  # a type checker allows nobody to replace a method
    original = tree.from_list.__func__

    @wraps(original)
    def from_list(cls: type[Tree], entries: list[dict], hash_name: str | None = None) -> Tree:
        for entry in entries:
            require_inside(entry[cls.PARAM_RELPATH])
        return original(cls, entries, hash_name)

    tree.from_list = classmethod(from_list)
