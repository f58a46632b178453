"""What can be downloaded: any source, and an object of Google Cloud Storage; web.py has URLs."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from wordbrush.errors import WordbrushError
from wordbrush.storage.buckets import (
    bucket_and_name,
    bucket_client,
    bucket_faults,
    bucket_retry,
    is_there,
)

PIECE = 8 << 20  # bytes of an object, by one request


class Interrupted(Exception):
    """The connection broke, or the server is in trouble: another attempt may succeed."""


@dataclass(frozen=True)
class Stream:
    """The bytes from `start` on.

    start: what was asked for, or 0 where the source cannot resume there.
    size: bytes of the whole. mark: the version of the content, such as an ETag or a generation.
    crc32c: of the whole, as base64, where the source states it.
    """

    start: int
    size: int | None
    mark: str | None
    pieces: Iterator[bytes]
    crc32c: str | None = None


class Source(Protocol):
    """One file somewhere else."""

    address: str  # without what must not be shown

    def open(self, start: int, mark: str | None) -> Stream:
        """The content from `start` on, if it is still of the version `mark`; else all of it.

        Raises WordbrushError where it is refused, Interrupted where another attempt may succeed.
        """


class BucketSource:
    """An object, by google-cloud-storage; each piece is retried by Google's policy."""

    def __init__(self, address: str, patience: float):
        self.address, self.patience = address, patience
        bucket, self.name = bucket_and_name(address)
        if not self.name:
            raise WordbrushError(
                f"{address!r} names a bucket and no object; an example: gs://bucket/CLEVR_v1.0.zip."
            )
        with self._faults():
            self.bucket = bucket_client().bucket(bucket)

    def open(self, start: int, mark: str | None) -> Stream:
        from google.api_core.exceptions import NotFound

        retry, blob = bucket_retry(self.patience), self.bucket.blob(self.name)
        with self._faults():
            try:
                blob.reload(retry=retry)
            except NotFound:
                if not is_there(self.bucket, retry):
                    raise
                raise WordbrushError(
                    f"{self.address}: there is no such object; check its name."
                ) from None
        generation = str(blob.generation)
        begin = start if mark == generation and start <= blob.size else 0
        return Stream(begin, blob.size, generation, self._pieces(blob, begin, retry), blob.crc32c)

    def _pieces(self, blob: Any, start: int, retry: Any) -> Iterator[bytes]:
        for begin in range(start, blob.size, PIECE):
            with self._faults():
                piece = blob.download_as_bytes(
                    start=begin,
                    end=min(begin + PIECE, blob.size) - 1,
                    raw_download=True,
                    if_generation_match=blob.generation,
                    checksum=None,
                    retry=retry,
                )
            yield piece

    def _faults(self) -> AbstractContextManager[None]:
        return bucket_faults(self.address, self.patience)
