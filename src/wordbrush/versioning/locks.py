"""dvc.lock: read, checked, merged and written. It says which outputs a run made of which inputs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NotRequired

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from typing_extensions import TypedDict

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_text
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import UNCAUGHT
from wordbrush.versioning.listings import require_inside

LOCK = "dvc.lock"
SCHEMA = "2.0"  # of DVC's lock files


class Output(TypedDict):
    """An output in a lock, as far as it is read here."""

    path: str
    md5: NotRequired[str]


class StageEntry(TypedDict):
    """A stage in a lock, as far as it is read here."""

    outs: NotRequired[list[Output]]


def read_lock(path: Path) -> dict[str, Any]:
    """A dvc.lock as plain dictionaries.

    Raises WordbrushError: it is missing, is no lock, or names an output outside of its folder.
    """
    try:
        lock = YAML(typ="safe").load(read_text(path, "The stage before did not leave its lock."))
    except (YAMLError, *UNCAUGHT) as error:
        raise WordbrushError(
            f"{path} is not a readable dvc.lock ({str(error).splitlines()[0]})."
        ) from None
    if not isinstance(lock, dict) or lock.get("schema") != SCHEMA:
        raise WordbrushError(
            f"{path} is not a dvc.lock: it needs `schema: '{SCHEMA}'` and `stages`."
        )
    fault = f"{path} is not a dvc.lock"
    entries = validated(dict[str, StageEntry], lock.get("stages"), fault)
    for entry in entries.values():
        for out in entry.get("outs", []):
            require_inside(out["path"])
    return lock


def merge_locks(paths: Sequence[Path]) -> dict[str, Any]:
    """One lock of many.

    Raises WordbrushError where two disagree about a stage: they come from different runs.
    """
    merged: dict[str, Any] = {"schema": SCHEMA, "stages": {}}
    origin: dict[str, Path] = {}
    for path in paths:
        for name, entry in read_lock(path)["stages"].items():
            known = merged["stages"].setdefault(name, entry)
            if known != entry:
                fields = sorted(key for key in {*known, *entry} if known.get(key) != entry.get(key))
                raise WordbrushError(
                    f"the locks {origin[name]} and {path} disagree about the stage {name} "
                    f"({', '.join(fields)}): they come from different runs. Start the run anew."
                )
            origin.setdefault(name, path)
    return merged


def write_lock(path: Path, lock: dict[str, Any]) -> None:
    """Write a lock as DVC does."""
    writer = YAML()
    writer.default_flow_style = False
    with path.open("w", encoding="utf-8") as out:
        writer.dump(lock, out)
