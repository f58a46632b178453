"""One large file from gs:// or https://: gone on with where it stopped, tried again where that helps, checked by its hash."""

import base64
import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit

from typing_extensions import TypedDict

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.storage.buckets import (
    bucket_and_name,
    bucket_client,
    bucket_faults,
    bucket_retry,
    is_there,
)
from wordbrush.storage.files import read_json, require_space, write_faults, write_json
from wordbrush.storage.objects import PATIENCE, PAUSES
from wordbrush.telemetry.progress import Progress

with optional_packages():
    import requests
    from requests import exceptions
    from urllib3.exceptions import HTTPError

MIB = 1 << 20
PIECE = 8 * MIB  # of an object, by one request
TIMEOUT = (10.0, 60.0)  # seconds for a server to accept, and between two pieces of its answer
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
REFUSALS = {
    401: "it wants a login: use a signed URL, or gs://",
    403: "it may not be read: ask its owner, or use a signed URL",
    404: "there is nothing at that address; check it",
    410: "it is no longer there",
}


class Interrupted(Exception):
    """The connection broke, or the server is in trouble: worth another try."""


@dataclass(frozen=True)
class Stream:
    """The bytes from `start` on, which is 0 where the source cannot go on from where it was asked to."""

    start: int
    size: int | None  # of the whole
    mark: str | None  # another one, other content
    pieces: Iterator[bytes]
    crc32c: str | None = None


class Source(Protocol):
    address: str  # as people may see it

    def open(self, start: int, mark: str | None) -> Stream:
        """Raises WordbrushError where it is refused, Interrupted where another try may help."""


class Note(TypedDict):
    """What is known of a file that is not all there."""

    address: str
    mark: str | None
    size: int | None


def open_source(address: str, patience: float = PATIENCE) -> Source:
    """gs://bucket/name, or https://…; http:// on this machine alone."""
    if address.startswith("gs://"):
        return BucketSource(address, patience)
    if "://" not in address:
        raise WordbrushError(
            f"{address!r} is no address: gs://bucket/name and https://… can be read."
        )
    require_secure(address)
    return WebSource(address)


def download(
    source: Source, folder: Path, sha256: str | None = None, patience: float = PATIENCE
) -> Path:
    """The source's content as a file in `folder`; what an earlier call left there is gone on with.

    Raises WordbrushError: no such source, no right to it, no answer for `patience` seconds, another hash, no space. What came
    stays for the next call, unless its hash is wrong.
    """
    file, note = folder / "content", folder / "content.json"
    with write_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    deadline, pause = time.monotonic() + patience, PAUSES[0]
    while True:
        before = file.stat().st_size if file.is_file() else 0
        try:
            crc32c = _go_on(source, file, note, sha256)
            break
        except Interrupted as trouble:
            if file.is_file() and file.stat().st_size > before:
                deadline, pause = time.monotonic() + patience, PAUSES[0]
            elif time.monotonic() + pause > deadline:
                raise WordbrushError(
                    f"{source.address} did not answer well for {patience:.0f} seconds ({trouble}); run again when "
                    "it does: it goes on where it was."
                ) from trouble
            time.sleep(pause)
            pause = min(2 * pause, PAUSES[1])
    require_hash(source.address, file, crc32c, sha256)
    return file


def _go_on(source: Source, file: Path, note: Path, sha256: str | None) -> str | None:
    """Read what is missing; the source's own checksum, if it has one."""
    known, start, mark = _known(note), 0, None
    if known and known["address"] == source.address and file.is_file() and (known["mark"] or sha256):
        start, mark = file.stat().st_size, known["mark"]
    stream = source.open(start, mark)
    require_space(
        file.parent, max(0, (stream.size or 0) - stream.start), f"the download of {source.address}"
    )
    write_json(note, {"address": source.address, "mark": stream.mark, "size": stream.size})
    total = round((stream.size or 0) / MIB, 1)
    with (
        write_faults(file),
        file.open("r+b" if stream.start else "wb") as out,
        Progress("downloading", total, "MiB", stream.start / MIB) as progress,
    ):
        out.truncate(out.seek(stream.start))
        for piece in stream.pieces:
            out.write(piece)
            progress.advance(len(piece) / MIB)
        if stream.size is not None and out.tell() != stream.size:
            raise Interrupted(f"{out.tell()} of {stream.size} bytes came")
    return stream.crc32c


def _known(note: Path) -> Note | None:
    """What an earlier call noted; nothing, where it did not or its note is damaged."""
    with suppress(WordbrushError):
        return read_json(note, Note)
    return None


def require_hash(address: str, file: Path, crc32c: str | None, sha256: str | None) -> None:
    """Raises WordbrushError, and deletes the file, where it is not what source or caller say."""
    if crc32c and crc32c != (found := _crc32c(file)):
        what = f"its crc32c is {found}, but the bucket says {crc32c}"
    elif sha256 and sha256 != (found := digest(file)):
        what = f"its sha256 is {found}, but {sha256} was asked for"
    else:
        return
    file.unlink()
    raise WordbrushError(f"{address} is not what it should be: {what}. What came was deleted.")


def digest(file: Path) -> str:
    """The file's sha256."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _crc32c(file: Path) -> str:
    """As Google Cloud Storage writes it: big-endian, base64."""
    from google_crc32c import Checksum

    checksum = Checksum()
    with file.open("rb") as content:
        for _ in checksum.consume(content, MIB):
            pass
    return base64.b64encode(checksum.digest()).decode()


class BucketSource:
    """An object, by google-cloud-storage; each piece is tried again by Google's own policy."""

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


class WebSource:
    """A URL; a query, which may hold a signature, and a password in it are never shown or kept."""

    def __init__(self, url: str):
        self.url, self.session = url, SecureSession()
        parts = split(url)
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self.answered = False

    def open(self, start: int, mark: str | None) -> Stream:
        """By RFC 9110: a range, if what the mark stands for is still there (If-Range), else the whole."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-"} | ({"If-Range": mark} if mark else {})
        response = self._get(headers)
        status = response.status_code
        if status not in (200, 206):
            response.close()
        if status == 416 and start:
            return self._at_the_end(response, start, mark)
        if status in TRY_AGAIN:
            raise Interrupted(f"it answered {status}")
        if status not in (200, 206):
            raise WordbrushError(
                f"{self.address} answered {status}: {REFUSALS.get(status, response.reason or 'no reason given')}."
            )
        begin, size = _range(response)
        if begin not in (0, start):
            raise WordbrushError(
                f"{self.address} sent other bytes than it was asked for: its server cannot be used."
            )
        return Stream(begin, size, _mark(response), _pieces(response))

    def _at_the_end(self, response: requests.Response, start: int, mark: str | None) -> Stream:
        """A server has nothing after `start`: all is there, or what is there is not its own."""
        length = response.headers.get("Content-Range", "").removeprefix("bytes */")
        if length.isdigit() and int(length) == start:
            return Stream(start, start, mark, iter(()))
        return self.open(0, None)

    def _get(self, headers: dict[str, str]) -> requests.Response:
        try:
            response = self.session.get(self.url, headers=headers, stream=True, timeout=TIMEOUT)
        except exceptions.SSLError as error:
            raise WordbrushError(
                f"{self.address}: the server's certificate is not trusted ({_root(error)})."
            ) from error
        except (exceptions.ConnectionError, exceptions.Timeout) as error:
            if self.answered:
                raise Interrupted(_root(error)) from error
            raise WordbrushError(
                f"{self.address} cannot be reached ({_root(error)}); check address and network."
            ) from error
        except exceptions.RequestException as error:  # some of its sentences hold the whole URL
            raise WordbrushError(
                f"{self.address} cannot be read ({type(error).__name__})."
            ) from error
        self.answered = True
        return response


class SecureSession(requests.Session):
    """Follows a redirect only where `require_secure` lets it."""

    def get_redirect_target(self, response: requests.Response) -> str | None:
        target = super().get_redirect_target(response)
        if target:
            split(target)
            require_secure(urljoin(response.url, target), response.url)
        return target


def require_secure(url: str, before: str | None = None) -> None:
    """https; or http on this machine, unless it is a redirect from elsewhere."""
    parts = split(url)
    local = all(
        one.scheme == "http" and one.hostname in LOOPBACK for one in (parts, split(before or url))
    )
    if not local and (parts.scheme != "https" or not parts.hostname):
        led = "a redirect leads to" if before else "this is"
        raise WordbrushError(
            f"{led} {parts.scheme}://{parts.hostname or ''}, but only gs:// and https:// are read."
        )


def split(url: str) -> SplitResult:
    """The parts of a URL. Raises WordbrushError, which does not show it, where it has none."""
    try:
        return urlsplit(url)
    except ValueError:
        raise WordbrushError(
            "that is no URL, or a redirect leads to none; one is https://example.org/CLEVR_v1.0.zip."
        ) from None


def _range(response: requests.Response) -> tuple[int, int | None]:
    """Where an answer starts, and how long the whole is."""
    if response.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        return (int(found[1]), int(found[2]) if found[2] != "*" else None) if found else (-1, None)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _mark(response: requests.Response) -> str | None:
    """A strong validator, as If-Range needs it."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The bytes as they are stored: nothing is decoded."""
    with response:
        try:
            yield from response.raw.stream(MIB, decode_content=False)
        except (HTTPError, OSError) as error:
            raise Interrupted(_root(error)) from error


def _root(error: BaseException) -> str:
    """The last cause in one line; the outer ones name addresses and queries."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return " ".join(str(error).split()) or type(error).__name__
