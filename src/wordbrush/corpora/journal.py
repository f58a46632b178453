"""What a check found, kept file by file: a check that was stopped does not begin anew."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from wordbrush.corpora.examining import Facts
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.records import Media
from wordbrush.storage.files import write_faults

NAME = "checked.jsonl"
FORMAT = 2  # of its lines


@dataclass
class Journal:
    """Facts by what they are of, a JSON line each. Damaged lines are as if they were not there."""

    file: TextIO
    facts: dict[str, Facts] = field(default_factory=dict)

    def known(self, media: Media) -> Facts | None:
        return self.facts.get(_key(media))

    def keep(self, media: Media, facts: Facts) -> None:
        line = json.dumps({"of": _key(media)} | asdict(facts), ensure_ascii=True)
        self.file.write(f"{line}\n")


@contextmanager
def journal(work: Path, look: Look, longest: float) -> Iterator[Journal]:
    """The journal in a working folder; an empty one where the settings were others."""
    path = work / NAME
    settings = json.dumps([FORMAT, look.side, look.background, longest])
    with write_faults(path):
        work.mkdir(parents=True, exist_ok=True)
        facts: dict[str, Facts] = {}
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as old:
            if old.readline().strip() == settings:
                facts = dict(_read(old))
        if not facts:
            path.write_text(f"{settings}\n", encoding="utf-8")
        with path.open("a", buffering=1, encoding="utf-8") as file:
            file.write("\n" if facts else "")  # after a line that was cut
            yield Journal(file, facts)


def _read(lines: Iterable[str]) -> Iterator[tuple[str, Facts]]:
    for line in lines:
        with suppress(ValueError, TypeError, KeyError):
            values: dict[str, Any] = json.loads(line)
            of = values.pop("of")
            values["stamp"], values["size"] = tuple(values["stamp"]), tuple(values["size"])
            values["notes"] = tuple((kind, detail) for kind, detail in values["notes"])
            if values["unusable"] is not None:
                values["unusable"] = tuple(values["unusable"])
            yield of, Facts(**values)


def _key(media: Media) -> str:
    return hashlib.sha256(repr(media).encode("utf-8", "surrogateescape")).hexdigest()[:32]
