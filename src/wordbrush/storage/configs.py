"""What a saved model needs to be built again, as JSON with the number of its format.

A saved model outlives the parameters and the code that made it. So its configuration is a class of
its own, never a section of params.yaml, and a new parameter cannot make an old model unreadable.
When a class changes, the number of its format grows by one and a migration turns files of the old
format into the new one. Migrations are kept: every format that was ever released is read.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict

from wordbrush.errors import FileFault, WordbrushError
from wordbrush.storage.files import read_json, write_json
from wordbrush.storage.validation import validated_json

FORMAT = "format"
FIRST = 1  # the format of files that name none: those of version 0.1.0
REMEDY = "Fetch this model again, or train it again: dvc repro."

Migration = Callable[[dict[str, Any]], dict[str, Any]]


class Part(BaseModel):
    """Base of the parts of a configuration: strictly typed, unchangeable, without unknown names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def taken_from(cls, section: BaseModel, **others: Any) -> Self:
        """The fields that a section of params.yaml has in common with this class, and `others`."""
        return cls(**{**section.model_dump(include=set(cls.model_fields)), **others})


class Config(Part):
    """Base of the configurations that are files of their own.

    migrations: the first turns the content of a file of format 1 into that of format 2, and so on;
    what the last one gives are the fields of the class.
    """

    migrations: ClassVar[tuple[Migration, ...]] = ()

    @classmethod
    def newest_format(cls) -> int:
        """The number of the format in which this class is written."""
        return FIRST + len(cls.migrations)


C = TypeVar("C", bound=Config)


def write_config(path: Path, config: Config) -> None:
    """Write a configuration in its newest format, whole or not at all."""
    write_json(path, {FORMAT: config.newest_format(), **config.model_dump(mode="json")})


def read_config(path: Path, shape: type[C]) -> C:
    """Read a configuration of any format that was ever written.

    Raises WordbrushError: the file is missing or damaged (names file and field), or its format is
    newer than this version of Wordbrush knows.
    """
    data = read_json(path, dict[str, Any], REMEDY)
    number, newest = data.pop(FORMAT, FIRST), shape.newest_format()
    if type(number) is not int or number < FIRST:
        raise FileFault(f"{path}: format = {number!r} is not a number from {FIRST}.", REMEDY)
    if number > newest:
        raise WordbrushError(
            f"{path} has format {number}, and this version of Wordbrush reads formats up to "
            f"{newest}: upgrade Wordbrush."
        )
    for migration in shape.migrations[number - FIRST :]:
        data = migrated(data, migration, path)
    return validated_json(shape, json.dumps(data).encode(), str(path), REMEDY)


def migrated(data: dict[str, Any], migration: Migration, path: Path) -> dict[str, Any]:
    """The content of a file in the next format. Raises WordbrushError where it is damaged."""
    try:
        return migration(data)
    except KeyError as missing:
        raise FileFault(f"{path}: {missing.args[0]} is missing.", REMEDY) from None
    except (AttributeError, TypeError, ValueError):
        raise FileFault(f"{path} does not have the fields of a configuration.", REMEDY) from None
