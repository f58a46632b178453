"""Where champions are kept: a local folder, or a bucket (storage/addresses.py).

`versions/VERSION/` holds a model's files and never changes; its `files.json` has their hashes.
`champion.json` names the version that serves. It is written last and at once, so a reader sees the
old champion or the new one, whole. `rejections.json` counts the models that failed since, for
monitoring.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field
from typing_extensions import TypedDict

from wordbrush.errors import FileFault, WordbrushError
from wordbrush.process import variable
from wordbrush.storage.addresses import open_store
from wordbrush.storage.objects import Changed, Store
from wordbrush.storage.validation import Natural, validated_json

REGISTRY = "WORDBRUSH_REGISTRY"  # the variable that names the address
CHAMPION, FILES, REJECTIONS = "champion.json", "files.json", "rejections.json"
RESTORE = f"Bring it back from a copy, or delete {CHAMPION}, and the next run is promoted."
Name = Annotated[str, Field(pattern=r"^[^./\\\x00][^/\\\x00]*$")]  # a name, and no path
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Rejections(TypedDict):
    """rejections.json"""

    in_a_row: Natural


@dataclass(frozen=True)
class Registry:
    """Raises WordbrushError where the store cannot be read or written."""

    store: Store

    def champion(self) -> str | None:
        """The version that serves, if any."""
        return self._version(self.store.read(CHAMPION))

    def files(self, version: str) -> dict[str, str]:
        """The names of a version's files, and their hashes."""
        path = f"versions/{version}/{FILES}"
        listing = self.store.read(path)
        if listing is None:
            raise WordbrushError(
                f"{self.store.address}/{path} is missing, but {CHAMPION} names that version: "
                f"delete {CHAMPION}, and the next run is promoted."
            )
        return validated_json(dict[Name, Sha256], listing, f"{self.store.address}/{path}", RESTORE)

    def read(self, version: str, name: str) -> bytes:
        """One of a version's files, as it was promoted."""
        return self._checked(version, name, self.files(version).get(name))

    def fetch(self, version: str, folder: Path) -> None:
        """Copy a version's files into `folder`."""
        for name, sha256 in self.files(version).items():
            (folder / name).write_bytes(self._checked(version, name, sha256))

    def _checked(self, version: str, name: str, sha256: str | None) -> bytes:
        data = self.store.read(f"versions/{version}/{name}")
        if data is None or hashlib.sha256(data).hexdigest() != sha256:
            fault = "is missing" if data is None else "has another content than was promoted"
            raise FileFault(f"{self.store.address}/versions/{version}/{name} {fault}.", RESTORE)
        return data

    def promote(self, version: str, folder: Path, before: str | None) -> None:
        """Keep the files of `folder` as `version`, and let it serve in place of `before`.

        Raises WordbrushError where another version replaced it meanwhile.
        """
        pointer = self.store.read(CHAMPION)
        try:
            if self._version(pointer) != before:
                raise Changed(CHAMPION)
            hashes = {}
            for path in sorted(folder.iterdir()):
                data = path.read_bytes()
                hashes[path.name] = hashlib.sha256(data).hexdigest()
                self.store.write(f"versions/{version}/{path.name}", data)
            self.store.write(
                f"versions/{version}/{FILES}", (json.dumps(hashes, indent=1) + "\n").encode()
            )
            text = json.dumps({"version": version, "before": before}, indent=1) + "\n"
            self.store.exchange(CHAMPION, text.encode(), pointer)
        except Changed:
            raise WordbrushError(
                f"the champion changed while this run compared itself with {before}: it is "
                f"{self.champion()} now; run the gate again."
            ) from None

    def rejections(self) -> int:
        """How many models in a row were rejected; a damaged count begins anew."""
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
            raise FileFault(
                f"{self.store.address}/{CHAMPION} is damaged: it must hold JSON with a `version`.",
                RESTORE,
            ) from None


def open_registry(address: str | None = None) -> Registry:
    """A registry in a folder or a bucket, by default the one of WORDBRUSH_REGISTRY."""
    if address is None and (address := variable(REGISTRY)) is None:
        raise WordbrushError(
            f"{REGISTRY} is not set: name where champions are kept, a folder, "
            "gs://bucket/prefix, s3://bucket/prefix or az://container/prefix."
        )
    return Registry(open_store(address))
