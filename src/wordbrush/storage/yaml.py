"""YAML files as plain data."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_text

MISSING = "Run from the project's folder."
WHOLE = {"engine_shares"}  # maps that are one value: the shares of other engines would not fit
# What ruamel lets through, of dates such as 2019-13-45, tags such as `!!int ''`, and deep nesting.
UNCAUGHT = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as plain data; a missing or broken one is a WordbrushError with its line."""
    return parse_yaml(read_text(path, MISSING), path)


def parse_yaml(text: str, path: Path) -> dict[str, Any]:
    """The text of a YAML file as plain data. Raises WordbrushError, which names `path`."""
    try:
        data = YAML(typ="safe").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(error, "problem", None) or error).split())
        raise WordbrushError(f"{path}{where} is not valid YAML: {reason}.") from None
    except UNCAUGHT as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise WordbrushError(f"{path} holds a value that YAML does not have: {reason}.") from None
    if data is None:
        raise WordbrushError(f"{path} is empty; it must hold a mapping of sections.")
    if not isinstance(data, dict):
        raise WordbrushError(f"{path} must hold a mapping of sections, not {type(data).__name__}.")
    return data


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`base` with `changes` over it. Fields that `base` lacks stay, for validation to refuse."""
    merged = dict(base)
    for name, value in changes.items():
        old: Any = merged.get(name)
        merged[name] = merge(old, value) if goes_into(name, old, value) else value
    return merged


def goes_into(name: str, old: Any, value: Any) -> bool:
    """Whether a change fills in what is there, as of a section, or takes its place."""
    return isinstance(old, dict) and isinstance(value, dict) and name not in WHOLE
