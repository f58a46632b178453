"""Where champions are kept: a local folder, or gs://bucket/prefix.

`versions/VERSION/` holds a model's files and never changes; `champion.json` names the version that serves. It is written last and
at once, so a reader sees the old champion or the new one, whole. `rejections.json` counts, for monitoring, the models that failed
since.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import TypedDict

from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.storage import Changed, Store, open_store
from wordbrush.runtime.validation import Natural, validated_json

CHAMPION, REJECTIONS = "champion.json", "rejections.json"


class Rejections(TypedDict):
    """rejections.json"""

    in_a_row: Natural


@dataclass(frozen=True)
class Registry:
    """Raises WordbrushError where the place cannot be read or written."""

    store: Store

    def champion(self) -> str | None:
        """The version that serves, if any."""
        return self._version(self.store.read(CHAMPION))

    def fetch(self, version: str, folder: Path) -> None:
        """Copy a version's files into `folder`."""
        names = self.store.names(f"versions/{version}")
        if not names:
            raise WordbrushError(f"{self.store.place}/versions/{version} is empty, but {CHAMPION} names it.")
        for name in names:
            (folder / name).write_bytes(self.store.read(f"versions/{version}/{name}") or b"")

    def promote(self, version: str, folder: Path, before: str | None) -> None:
        """Keep the files of `folder` as `version`, and let it serve in place of `before`; an error if another took its place."""
        pointer = self.store.read(CHAMPION)
        try:
            if self._version(pointer) != before:
                raise Changed(CHAMPION)
            for path in sorted(folder.iterdir()):
                self.store.write(f"versions/{version}/{path.name}", path.read_bytes())
            text = json.dumps({"version": version, "before": before}, indent=1) + "\n"
            self.store.exchange(CHAMPION, text.encode(), pointer)
        except Changed:
            raise WordbrushError(f"the champion changed while this run compared itself with {before}: it is {self.champion()} "
                                 "now; run the gate again.") from None

    def rejections(self) -> int:
        """How many models in a row did not take the champion's place; a damaged count begins anew."""
        text = self.store.read(REJECTIONS)
        try:
            return validated_json(Rejections, text, REJECTIONS)["in_a_row"] if text else 0
        except WordbrushError:
            return 0

    def note_rejections(self, in_a_row: int) -> None:
        self.store.write(REJECTIONS, json.dumps({"in_a_row": in_a_row}).encode())

    def _version(self, pointer: bytes | None) -> str | None:
        if pointer is None:
            return None
        try:
            return json.loads(pointer)["version"]
        except (ValueError, KeyError, TypeError):
            raise WordbrushError(f"{self.store.place}/{CHAMPION} is damaged: it must hold JSON with a `version`.") from None


def open_registry(place: str) -> Registry:
    """A registry in a folder or at gs://bucket/prefix."""
    return Registry(open_store(place))
