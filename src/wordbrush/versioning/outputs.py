"""The folders of the outputs, as DVC needs them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from wordbrush.errors import WordbrushError
from wordbrush.storage.yaml import read_yaml


def require_own_folders(dvc_file: Path) -> None:
    """Raises WordbrushError where a folder that dvc.yaml writes to is a symbolic link.

    DVC takes no output that lies beyond a link, and says so only when the stage is done.
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
