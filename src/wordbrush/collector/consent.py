"""What people agree to: its text, its version, and the languages that they may choose."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import parse_yaml, read_yaml

DEFAULT = "consent.yaml"
Text = Annotated[str, Field(min_length=1, max_length=4000)]


class Consent(BaseModel):
    """text: paragraphs. languages: names by code."""

    model_config = ConfigDict(extra="forbid", strict=True)

    version: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
    text: Annotated[list[Text], Field(min_length=1, max_length=40)]
    languages: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{1,19}$")], Text],
        Field(min_length=1),
    ]

    @property
    def whole(self) -> str:
        return "\n\n".join(self.text) + "\n"


def read_consent(path: Path | None) -> Consent:
    """Of a file, or the one that comes with the package.

    Raises WordbrushError, which names the file, where it is missing or has other fields.
    """
    if path is not None:
        return validated(Consent, read_yaml(path), str(path))
    own = files("wordbrush.collector") / DEFAULT
    return validated(Consent, parse_yaml(own.read_text(encoding="utf-8"), Path(DEFAULT)), DEFAULT)
