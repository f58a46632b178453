"""Presets: files with what differs from the demo, applied to params.yaml. Comments stay."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.representer import RoundTripRepresenter

from wordbrush.errors import WordbrushError
from wordbrush.params import Params, parse
from wordbrush.storage.files import read_text, whole_file
from wordbrush.storage.yaml import MISSING, goes_into, merge, parse_yaml, read_yaml

BEFORE_FIRST = 3  # of the comments that ruamel keeps for a name: before a list's first line


def apply(name: str, params_file: Path, folder: Path) -> None:
    """Lay preset `name` over `params_file`; the result is validated before anything is written."""
    change(params_file, read_preset(name, params_file, folder))


def change(params_file: Path, changes: dict[str, Any]) -> None:
    """Write these values into `params_file`; the result is validated before anything is written."""
    parse(merge(read_yaml(params_file), changes), f"{params_file}, changed")
    yaml = _as_written()
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


def strays(params_file: Path, name: str, folder: Path, committed: str) -> list[str]:
    """The values of `params_file` that neither this preset nor the committed text of the file has,
    as `gan.loss`: another preset left them, or somebody changed them."""
    preset = read_yaml(folder / f"{name}.yaml")
    meant = merge(parse_yaml(committed, params_file), preset)
    return list(_differences(read_yaml(params_file), meant))


def _differences(one: dict, other: dict, above: str = "") -> Iterator[str]:
    for name in sorted({*one, *other}, key=str):
        mine, theirs = one.get(name), other.get(name)
        if goes_into(name, mine, theirs):
            yield from _differences(one[name], other[name], f"{above}{name}.")
        elif mine != theirs:
            yield f"{above}{name}"


def read_all(params_file: Path, folder: Path) -> Iterator[tuple[Path, Params]]:
    """params.yaml, then every preset laid over it: each file, and the parameters that it gives."""
    base = read_yaml(params_file)
    yield params_file, parse(base, str(params_file))
    for file in sorted(folder.glob("*.yaml")):
        yield file, parse(merge(base, read_yaml(file)), f"{params_file} with {file}")


class _Representer(RoundTripRepresenter):
    """Writes null as a word."""

    def represent_null(self, _: None) -> Any:
        return self.represent_scalar("tag:yaml.org,2002:null", "null")


_Representer.add_representer(type(None), _Representer.represent_null)


def _as_written() -> YAML:
    """Writes as params.yaml is written, and breaks no line."""
    yaml = YAML()
    yaml.Representer = _Representer
    yaml.width = sys.maxsize
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _lay_over(document: CommentedMap, changes: dict) -> None:
    for name, value in changes.items():
        if goes_into(name, document.get(name), value):
            _lay_over(document[name], value)
        else:
            document[name] = _on_one_line(value)
            if name in document.ca.items:  # a comment before a first value would break a line
                document.ca.items[name][BEFORE_FIRST] = None


def _on_one_line(value: Any) -> Any:
    """The value, to be written as `[a, b]` and `{a: b}`.

    ruamel writes other lists one value a line, between a name and its comment. Once read again, the
    comment stands before the first value, and goes astray when another list takes its place.
    """
    one: CommentedMap | CommentedSeq
    if isinstance(value, dict):
        one = CommentedMap({name: _on_one_line(each) for name, each in value.items()})
    elif isinstance(value, list):
        one = CommentedSeq(map(_on_one_line, value))
    else:
        return value
    one.fa.set_flow_style()
    return one
