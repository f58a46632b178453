"""Presets: files with what differs from the demo, applied to params.yaml. Comments stay."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from wordbrush.errors import WordbrushError
from wordbrush.params import Params, parse
from wordbrush.storage.files import read_text, whole_file
from wordbrush.storage.yaml import MISSING, goes_into, merge, read_yaml


def apply(name: str, params_file: Path, folder: Path) -> None:
    """Lay preset `name` over `params_file`; the result is validated before anything is written."""
    change(params_file, read_preset(name, params_file, folder))


def change(params_file: Path, changes: dict[str, Any]) -> None:
    """Write these values into `params_file`; the result is validated before anything is written."""
    parse(merge(read_yaml(params_file), changes), f"{params_file}, changed")
    yaml = YAML()
    yaml.width = 200
    document = yaml.load(read_text(params_file, MISSING))
    _lay_over(document, changes)
    with whole_file(params_file.resolve()) as scratch:  # a link to the file stays one
        yaml.dump(document, scratch)


def read_preset(name: str, params_file: Path, folder: Path) -> dict[str, Any]:
    """What preset `name` changes, found good when laid over `params_file`."""
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if name not in known:
        there = f"there are: {', '.join(known)}" if known else "run from the project's folder"
        raise WordbrushError(f"no preset {name!r} in {folder}; {there}.")
    preset_file = folder / f"{name}.yaml"
    changes = read_yaml(preset_file)
    parse(merge(read_yaml(params_file), changes), f"{params_file} with {preset_file}")
    return changes


def read_all(params_file: Path, folder: Path) -> Iterator[tuple[Path, Params]]:
    """params.yaml, then every preset laid over it: each file, and the parameters that it gives."""
    base = read_yaml(params_file)
    yield params_file, parse(base, str(params_file))
    for file in sorted(folder.glob("*.yaml")):
        yield file, parse(merge(base, read_yaml(file)), f"{params_file} with {file}")


def _lay_over(document: dict, changes: dict) -> None:
    for name, value in changes.items():
        if goes_into(name, document.get(name), value):
            _lay_over(document[name], value)
        else:
            document[name] = value
