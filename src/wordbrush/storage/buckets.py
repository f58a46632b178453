"""Objects in a bucket of Google Cloud Storage.

By google-cloud-storage, which compares the crc32c of every upload and download and tells a missing
bucket from a missing object; obstore does neither.
"""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.storage.objects import PATIENCE, PAUSES, Changed, inside

HINTS = {
    401: "the credentials are not accepted; log in again (gcloud auth application-default login)",
    403: "this account may not do that; ask for the role roles/storage.objectAdmin on the bucket",
    404: "there is no such bucket; check its name",
}


class BucketStore:
    """Uploads and downloads are checksummed; every request is idempotent, so it may be repeated."""

    def __init__(self, bucket: str, prefix: str, patience: float = PATIENCE, client: Any = None):
        self.prefix = PurePosixPath(prefix)
        self.address = f"gs://{bucket}/{prefix}".rstrip("/")
        self.retry = bucket_retry(patience)
        self._faults = partial(bucket_faults, self.address, patience)
        with self._faults():
            self.bucket = (client or bucket_client()).bucket(bucket)

    def read(self, name: str) -> bytes | None:
        blob = self._found(name)
        return blob[0] if blob else None

    def write(self, name: str, data: bytes) -> None:
        with self._faults():
            self._blob(name).upload_from_string(data, checksum="crc32c", retry=self.retry)

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        """As Store.exchange, save that equal bytes count as success.

        The server may have taken an upload whose answer was lost; the next attempt is then refused.
        So a refused upload has succeeded if the object is `data`. Of several that write the same
        bytes at once, all succeed.
        """
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
                if self.read(name) != data:
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
                if "no such object" in str(error).lower() or is_there(self.bucket, self.retry):
                    return None
                raise
        return data, blob.generation


def bucket_and_name(address: str) -> tuple[str, str]:
    """gs://bucket/some/name -> bucket, some/name. Raises WordbrushError without a bucket."""
    bucket, _, name = address.removeprefix("gs://").strip("/").partition("/")
    if not bucket:
        raise WordbrushError(f"{address!r} names no bucket; an example: gs://bucket/wordbrush.")
    return bucket, name


def bucket_client(
    project: str | None = None, endpoint: str | None = None, anonymous: bool = False
) -> Any:
    """A client with the credentials of Workload Identity or Application Default Credentials.

    project: not needed for objects. endpoint: of an emulator.
    """
    with optional_packages():
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import storage

    return storage.Client(
        project,
        AnonymousCredentials() if anonymous else None,
        client_options={"api_endpoint": endpoint} if endpoint else None,
    )


def bucket_retry(patience: float) -> Any:
    """Google's policy: idempotent requests again after 408, 429, 5xx and broken connections."""
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_delay(*PAUSES).with_timeout(patience)


def is_there(bucket: Any, retry: Any) -> bool:
    """Whether a bucket exists; True where this account has rights to objects only."""
    from google.api_core.exceptions import Forbidden

    try:
        return bucket.exists(retry=retry)
    except Forbidden:
        return True


@contextmanager
def bucket_faults(address: str, patience: float) -> Iterator[None]:
    """The server's refusals, and what fails after all retries, as one sentence."""
    with optional_packages():
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.auth.exceptions import GoogleAuthError
        from requests.exceptions import RequestException

    try:
        yield
    except GoogleAPICallError as error:
        code = int(error.code or 0)
        reason = HINTS.get(code, " ".join(str(error.message).split()) or "no reason given")
        raise WordbrushError(f"{address} answered {code}: {reason}.") from error
    except RetryError as error:
        cause = " ".join(str(error.cause or error).split())
        raise WordbrushError(
            f"{address} did not answer well for {patience:.0f} seconds ({cause}); "
            "run again when it does."
        ) from error
    except GoogleAuthError as error:
        raise WordbrushError(
            f"{address} needs Google credentials: {str(error).splitlines()[0]}"
        ) from error
    except RequestException as error:
        raise WordbrushError(
            f"{address} cannot be reached ({type(error).__name__}); check the network."
        ) from error
