"""Where champions are kept: a local folder, or gs://bucket/prefix.

`versions/VERSION/` holds a model's files and never changes; `champion.json` names the version that serves. It is written last and
at once, so a reader sees the old champion or the new one, whole.
"""

import json
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import read_json, whole_directory, write_json

CHAMPION = "champion.json"


class Registry(Protocol):
    """Raises WordbrushError where the place cannot be read or written."""

    def champion(self) -> str | None:
        """The version that serves, if any."""

    def fetch(self, version: str, folder: Path) -> None:
        """Copy a version's files into `folder`."""

    def promote(self, version: str, folder: Path, before: str | None) -> None:
        """Keep the files of `folder` as `version`, and let it serve in place of `before`; an error if another took its place."""


def open_registry(place: str) -> Registry:
    """A registry in a folder or at gs://bucket/prefix."""
    if place.startswith("gs://"):
        bucket, _, prefix = place.removeprefix("gs://").strip("/").partition("/")
        if not bucket:
            raise WordbrushError(f"the registry {place!r} names no bucket; an example: gs://models/wordbrush.")
        return BucketRegistry(bucket, prefix)
    if "://" in place:
        raise WordbrushError(f"the registry {place!r} is neither a folder nor gs://bucket/prefix.")
    return FolderRegistry(Path(place))


def taken(before: str | None, now: str | None) -> WordbrushError:
    return WordbrushError(f"the champion changed while this run compared itself with {before}: it is {now} now; "
                          "run the gate again.")


@dataclass(frozen=True)
class FolderRegistry:
    root: Path

    def champion(self) -> str | None:
        return read_json(self.root / CHAMPION)["version"] if (self.root / CHAMPION).is_file() else None

    def fetch(self, version: str, folder: Path) -> None:
        source = self.root / "versions" / version
        if not source.is_dir():
            raise WordbrushError(f"{source} is missing, but {self.root / CHAMPION} names it.")
        for path in source.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())

    def promote(self, version: str, folder: Path, before: str | None) -> None:
        with whole_directory(self.root / "versions" / version) as scratch:
            for path in folder.iterdir():
                (scratch / path.name).write_bytes(path.read_bytes())
        if self.champion() != before:
            raise taken(before, self.champion())
        write_json(self.root / CHAMPION, {"version": version, "before": before})


class BucketRegistry:
    def __init__(self, bucket: str, prefix: str):
        from google.auth.exceptions import DefaultCredentialsError
        from google.cloud import storage
        try:
            self.bucket = storage.Client().bucket(bucket)
        except DefaultCredentialsError as error:
            reason = str(error).splitlines()[0]
            raise WordbrushError(f"the registry gs://{bucket}/{prefix} needs Google credentials: {reason}") from None
        self.prefix = PurePosixPath(prefix)

    def _blob(self, name: str):
        return self.bucket.blob(str(self.prefix / name))

    def _pointer(self) -> tuple[str | None, int]:
        """The champion, and the generation of the object that names it (0: none)."""
        blob = self.bucket.get_blob(str(self.prefix / CHAMPION))
        return (json.loads(blob.download_as_bytes())["version"], blob.generation) if blob else (None, 0)

    def champion(self) -> str | None:
        return self._pointer()[0]

    def fetch(self, version: str, folder: Path) -> None:
        blobs = list(self.bucket.list_blobs(prefix=f"{self.prefix / 'versions' / version}/"))
        if not blobs:
            raise WordbrushError(f"gs://{self.bucket.name}/{self.prefix}/versions/{version} is empty, but {CHAMPION} names it.")
        for blob in blobs:
            (folder / PurePosixPath(blob.name).name).write_bytes(blob.download_as_bytes(checksum="crc32c"))

    def promote(self, version: str, folder: Path, before: str | None) -> None:
        from google.api_core.exceptions import PreconditionFailed
        now, generation = self._pointer()
        if now != before:
            raise taken(before, now)
        for path in sorted(folder.iterdir()):
            self._blob(f"versions/{version}/{path.name}").upload_from_string(path.read_bytes(), checksum="crc32c")
        text = json.dumps({"version": version, "before": before}, indent=1)
        try:
            self._blob(CHAMPION).upload_from_string(text, content_type="application/json", if_generation_match=generation)
        except PreconditionFailed:
            raise taken(before, self.champion()) from None
