"""Where DVC can work: it says so only when a stage is done, so this is checked before."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wordbrush.errors import WordbrushError, shown
from wordbrush.storage.yaml import read_yaml

DVC_FILE = "dvc.yaml"


def require_usable(dvc_file: Path) -> None:
    """Raises WordbrushError where DVC cannot keep what the stages of a dvc.yaml write."""
    require_plain(str(dvc_file.parent.resolve()))
    require_own_folders(dvc_file)


def require_plain(path: str) -> None:
    """Raises WordbrushError for a project, cache or remote that DVC cannot keep objects in.

    Its progress bars take braces for fields of a format, and its database takes text alone.
    """
    if "{" in path or "}" in path:
        fault, remedy = "has braces in its path", "choose another folder"
    elif any("\ud800" <= one <= "\udfff" for one in path):
        fault = f"has a name in its path that is no text in {sys.getfilesystemencoding()}"
        remedy = "set PYTHONUTF8=1, or choose another folder"
    else:
        return
    raise WordbrushError(f"{shown(path)} {fault}, which DVC cannot use: {remedy}.")


def require_own_folders(dvc_file: Path) -> None:
    """Raises WordbrushError where a folder that dvc.yaml writes to is a symbolic link.

    DVC takes no output that lies beyond a link.
    """
    root = dvc_file.parent
    for out in outputs(read_yaml(dvc_file)):
        for folder in reversed((Path(out), *Path(out).parents[:-1])):
            path = root / folder
            # an output that is a file is a link where DVC links to its cache
            if path.is_symlink() and (path.is_dir() or folder != Path(out)):
                raise WordbrushError(
                    f"{path} is a symbolic link, and DVC takes no outputs beyond one: make it a "
                    "folder. To keep the data on another disk, move DVC's cache there: "
                    "dvc cache dir PATH, and dvc config cache.type symlink."
                )


def outputs(definition: dict[str, Any]) -> Iterator[str]:
    """The paths of all outputs, metrics and plots of a dvc.yaml, its matrix filled in."""
    for stage in definition.get("stages", {}).values():
        values = stage.get("matrix", {}).get("mining", [""])
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, ()):
                path = out if isinstance(out, str) else next(iter(out))
                yield from (path.replace("${item.mining}", value) for value in values)
