"""Small objects in a folder or under a gs:// prefix: whole or absent, tried again where that helps, one sentence where not."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from uuid import uuid4

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.storage.files import WRITE_FAULTS

PATIENCE = 120.0  # seconds for which a bucket that answers 429 or 5xx, or breaks the connection, is asked again
HINTS = {
    401: "the credentials are not accepted; log in again (gcloud auth application-default login)",
    403: "this account may not do that; ask for the role roles/storage.objectAdmin on the bucket",
    404: "there is no such bucket; check its name",
}


class Changed(Exception):
    """What was to be replaced is no longer what it was."""


class Store(Protocol):
    """Names are relative, with slashes. Raises WordbrushError where the place cannot be read or written."""

    place: str

    def read(self, name: str) -> bytes | None:
        """An object, or None where there is none."""

    def write(self, name: str, data: bytes) -> None:
        """Write or replace an object: whoever reads sees the old or the new one, whole."""

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        """Write, if the object still is `before` (None: absent). Raises Changed."""

    def names(self, folder: str) -> list[str]:
        """The names directly in `folder`, sorted."""

    def delete(self, name: str) -> None:
        """Delete an object; one that is gone is no fault."""

    def clear(self, folder: str) -> None:
        """Delete all that lies directly in `folder`."""


def open_store(place: str, patience: float = PATIENCE) -> Store:
    """A folder, or gs://bucket/prefix."""
    if place.startswith("gs://"):
        return BucketStore(*bucket_and_name(place), patience)
    if "://" in place:
        raise WordbrushError(f"{place!r} is neither a folder nor gs://bucket/prefix.")
    return FolderStore(Path(place))


def bucket_and_name(place: str) -> tuple[str, str]:
    """gs://bucket/some/name -> bucket, some/name."""
    bucket, _, name = place.removeprefix("gs://").strip("/").partition("/")
    if not bucket:
        raise WordbrushError(f"{place!r} names no bucket; an example: gs://bucket/wordbrush.")
    return bucket, name


def inside(name: str) -> PurePosixPath:
    """The name, if it stays below its root."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise WordbrushError(f"{name!r} is not a name inside a store.")
    return path


class FolderStore:
    def __init__(self, root: Path):
        self.root, self.place = root, str(root)

    def read(self, name: str) -> bytes | None:
        with self._faults(name):
            try:
                return (self.root / inside(name)).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                return None

    def write(self, name: str, data: bytes) -> None:
        path = self.root / inside(name)
        scratch = path.with_name(f".{path.name}.{uuid4().hex}.partial")
        with self._faults(name):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with scratch.open("wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(scratch, path)
            finally:
                scratch.unlink(missing_ok=True)

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        if self.read(name) != before:
            raise Changed(name)
        self.write(name, data)

    def names(self, folder: str) -> list[str]:
        path = self.root / inside(folder)
        with self._faults(folder):
            return (
                sorted(one.name for one in path.iterdir() if not one.name.startswith("."))
                if path.is_dir()
                else []
            )

    def delete(self, name: str) -> None:
        with self._faults(name):
            (self.root / inside(name)).unlink(missing_ok=True)

    def clear(self, folder: str) -> None:
        path = self.root / inside(folder)
        with self._faults(folder):
            if path.is_dir():
                shutil.rmtree(path)

    @contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            hint = WRITE_FAULTS.get(error.errno or 0, "look at the disk")
            raise WordbrushError(
                f"{self.root / name}: {(error.strerror or str(error)).lower()}; {hint}."
            ) from error


class BucketStore:
    """Uploads and downloads are checksummed; all requests are idempotent, so each may be tried again."""

    def __init__(self, bucket: str, prefix: str, patience: float = PATIENCE, client: Any = None):
        self.prefix, self.place = PurePosixPath(prefix), f"gs://{bucket}/{prefix}".rstrip("/")
        self.retry = bucket_retry(patience)
        self._faults = partial(bucket_faults, self.place, patience)
        with self._faults():
            self.bucket = (client or bucket_client()).bucket(bucket)

    def read(self, name: str) -> bytes | None:
        blob = self._found(name)
        return blob[0] if blob else None

    def write(self, name: str, data: bytes) -> None:
        with self._faults():
            self._blob(name).upload_from_string(data, checksum="crc32c", retry=self.retry)

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        from google.api_core.exceptions import PreconditionFailed

        found, generation = self._found(name) or (None, 0)
        if found != before:
            raise Changed(name)
        with self._faults():
            try:
                self._blob(name).upload_from_string(
                    data, checksum="crc32c", if_generation_match=generation, retry=self.retry
                )
            except PreconditionFailed:
                if (
                    self.read(name) != data
                ):  # else an attempt of ours came through whose answer was lost
                    raise Changed(name) from None

    def names(self, folder: str) -> list[str]:
        root = f"{self.prefix / inside(folder)}/"
        with self._faults():
            blobs = list(self.bucket.list_blobs(prefix=root, delimiter="/", retry=self.retry))
        return sorted(blob.name.removeprefix(root) for blob in blobs)

    def delete(self, name: str) -> None:
        from google.api_core.exceptions import NotFound

        with self._faults(), contextlib.suppress(NotFound):
            self._blob(name).delete(retry=self.retry)

    def clear(self, folder: str) -> None:
        for name in self.names(folder):
            self.delete(f"{folder}/{name}")

    def _blob(self, name: str) -> Any:
        return self.bucket.blob(str(self.prefix / inside(name)))

    def _found(self, name: str) -> tuple[bytes, int] | None:
        """An object and its generation."""
        from google.api_core.exceptions import NotFound

        blob = self._blob(name)
        with self._faults():
            try:
                data = blob.download_as_bytes(checksum="crc32c", retry=self.retry)
            except NotFound as error:
                if "no such object" not in str(error).lower() and not is_there(
                    self.bucket, self.retry
                ):
                    raise
                return None
        return data, blob.generation


def bucket_client(
    project: str | None = None, endpoint: str | None = None, anonymous: bool = False
) -> Any:
    """By Workload Identity or Application Default Credentials; objects need no project. `endpoint` is for emulators."""
    with optional_packages():
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

    return storage.Client(
        project,
        AnonymousCredentials() if anonymous else None,
        client_options={"api_endpoint": endpoint} if endpoint else None,
    )


def bucket_retry(patience: float) -> Any:
    """Google's own policy: idempotent requests again after 408, 429, 5xx and broken connections."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(initial=0.5, maximum=10.0).with_timeout(patience)


def is_there(bucket: Any, retry: Any) -> bool:
    """Whether a bucket exists, as far as this account may know: to look at one needs more than the right to its objects."""
    from google.api_core.exceptions import Forbidden

    try:
        return bucket.exists(retry=retry)
    except Forbidden:
        return True


@contextmanager
def bucket_faults(place: str, patience: float) -> Iterator[None]:
    """The server's refusals, and what is left after all retries, as one sentence."""
    with optional_packages():
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

    try:
        yield
    except GoogleAPICallError as error:
        code = int(error.code or 0)
        reason = HINTS.get(code, " ".join(str(error.message).split()) or "no reason given")
        raise WordbrushError(f"{place} answered {code}: {reason}.") from error
    except RetryError as error:
        cause = " ".join(str(error.cause or error).split())
        raise WordbrushError(
            f"{place} did not answer well for {patience:.0f} seconds ({cause}); "
            "run again when it does."
        ) from error
    except GoogleAuthError as error:
        raise WordbrushError(
            f"{place} needs Google credentials: {str(error).splitlines()[0]}"
        ) from error
    except RequestException as error:
        raise WordbrushError(
            f"{place} cannot be reached ({type(error).__name__}); check the network."
        ) from error
