"""Objects in a bucket of S3 or a container of Azure Blob Storage, by obstore.

obstore reads credentials, region and endpoint from the variables of each cloud (AWS_…, AZURE_…), or
from the machine's or pod's own identity. It compares no checksum of a download, so whoever reads
must do so: names of checkpoints hold their hash, and the registry lists those of its files.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.storage.objects import PATIENCE, PAUSES, Changed, inside

if TYPE_CHECKING:
    from obstore import PutMode, UpdateVersion
    from obstore.store import RetryConfig

SCHEMES = ("s3://", "az://")
REQUEST = "10m"  # for one request, an upload of gigabytes included
NO_BUCKET = ("NoSuchBucket", "ContainerNotFound")  # error codes of S3 and of Azure
IDENTITY = "169.254.169.254"  # where a machine asks for its own credentials
HTTP = ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP")  # obstore's, for emulators
LOGIN = (
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AZURE_STORAGE_ACCOUNT_NAME and "
    "AZURE_STORAGE_ACCOUNT_KEY; see docs/storage.md"
)


class ObstoreStore:
    """A store at s3://bucket/prefix or az://container/prefix."""

    def __init__(self, address: str, patience: float = PATIENCE):
        with optional_packages():
            import obstore
            from obstore.store import from_url
        self.address, self.patience, self.api = address.rstrip("/"), patience, obstore
        if not re.match(r"\w+://[^/]", address):
            raise WordbrushError(f"{address!r} names no bucket; an example: {address[:5]}bucket/x.")
        allowed = any(os.environ.get(name, "").lower() in ("1", "true") for name in HTTP)
        with self._faults():
            self.store = from_url(
                address,
                retry_config=retries(patience),
                client_options={"timeout": REQUEST, "allow_http": allowed},
            )

    def read(self, name: str) -> bytes | None:
        found = self._found(name)
        return found[0] if found else None

    def write(self, name: str, data: bytes) -> None:
        with self._faults():
            self.api.put(self.store, path(name), data, use_multipart=False)

    def exchange(self, name: str, data: bytes, before: bytes | None) -> None:
        """As Store.exchange, save that equal bytes count as success: see BucketStore.exchange."""
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        found = self._found(name)
        if (found and found[0]) != before:
            raise Changed(name)
        mode: PutMode = found[1] if found else "create"
        with self._faults():
            try:
                self.api.put(self.store, path(name), data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                if self.read(name) != data:
                    raise Changed(name) from None

    def names(self, folder: str) -> list[str]:
        with self._faults():
            found = self.api.list_with_delimiter(self.store, path(folder))["objects"]
        return sorted(one["path"].rpartition("/")[2] for one in found)

    def delete(self, name: str) -> None:
        with self._faults(), suppress(FileNotFoundError):
            self.api.delete(self.store, path(name))

    def clear(self, folder: str) -> None:
        for name in self.names(folder):
            self.delete(f"{folder}/{name}")

    def _found(self, name: str) -> "tuple[bytes, UpdateVersion] | None":
        """An object, and which version of it this is."""
        with self._faults():
            try:
                found = self.api.get(self.store, path(name))
            except FileNotFoundError as error:
                if any(code in str(error) for code in NO_BUCKET):
                    raise
                return None
            version: UpdateVersion = {}
            if tag := found.meta["e_tag"]:
                version["e_tag"] = tag
            if number := found.meta["version"]:
                version["version"] = number
            return bytes(found.bytes()), version

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """The server's refusals, and what fails after all retries, as one sentence."""
        from obstore import exceptions

        try:
            yield
        except (exceptions.AlreadyExistsError, exceptions.PreconditionError):
            raise
        except (exceptions.BaseError, FileNotFoundError) as error:
            raise WordbrushError(f"{self.address} {self._fault(error)}.") from error

    def _fault(self, error: Exception) -> str:
        from obstore import exceptions

        text = str(error)
        if any(code in text for code in NO_BUCKET):
            return "answered 404: there is no such bucket; check its name"
        if isinstance(error, exceptions.PermissionDeniedError):
            return (
                "answered 403: this account may not do that; it must read, write and list objects"
            )
        if isinstance(error, exceptions.UnauthenticatedError):
            return f"answered 401: the credentials are not accepted; {LOGIN}"
        if IDENTITY in text:
            return f"needs credentials: {LOGIN}"
        reason = summary(text)
        if "retry_timeout" in text.splitlines()[0]:  # it was asked again, until time was up
            return (
                f"did not answer well for {self.patience:.0f} seconds ({reason}); run again when "
                "it does"
            )
        return f"cannot be used: {reason}"


def path(name: str) -> str:
    """The name, if it stays inside."""
    return str(inside(name))


def retries(patience: float) -> "RetryConfig":
    """Idempotent requests again after 408, 429, 5xx and broken connections, until time is up."""
    first, most = (timedelta(seconds=pause) for pause in PAUSES)
    return {
        "max_retries": 10_000,  # the time is the limit
        "retry_timeout": timedelta(seconds=patience),
        "backoff": {"init_backoff": first, "max_backoff": most, "base": 2},
    }


def summary(text: str) -> str:
    """obstore's first line without the request, whose URL may hold a signature."""
    return text.splitlines()[0].rpartition(" - ")[2].partition(": <?xml")[0].rstrip(".: ")
