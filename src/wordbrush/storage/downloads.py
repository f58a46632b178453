"""Downloads of one large file, which resume after a kill and are checked by their hash.

Written by hand: pooch starts over after every interruption and cannot read gs://, and obstore
resumes within one process only.
"""

import base64
import hashlib
import time
from contextlib import suppress
from pathlib import Path

from typing_extensions import TypedDict

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_json, require_space, write_faults, write_json
from wordbrush.storage.objects import PATIENCE, PAUSES
from wordbrush.storage.sources import BucketSource, Interrupted, Source
from wordbrush.storage.web import WebSource, require_secure
from wordbrush.telemetry.progress import Progress

MIB = 1 << 20


class Note(TypedDict):
    """What is known of a file that is not complete yet."""

    address: str
    mark: str | None
    size: int | None


def open_source(address: str, patience: float = PATIENCE) -> Source:
    """The file at gs://bucket/name or https://…, or http:// on this machine.

    patience: seconds for which a bucket in trouble is asked again.
    Raises WordbrushError where the address is of another kind.
    """
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
    """The source's content as a file in `folder`, resumed from what an earlier call left there.

    sha256: hexadecimal, lower case. patience: seconds without a byte before it gives up.
    Raises WordbrushError: no such source, no right to it, no answer, another hash, no space. What
    was downloaded stays for the next call, unless its hash is wrong.
    """
    file, note = folder / "content", folder / "content.json"
    with write_faults(folder):
        folder.mkdir(parents=True, exist_ok=True)
    deadline, pause = time.monotonic() + patience, PAUSES[0]
    while True:
        before = file.stat().st_size if file.is_file() else 0
        try:
            crc32c = _resume(source, file, note, sha256)
            break
        except Interrupted as trouble:
            if file.is_file() and file.stat().st_size > before:
                deadline, pause = time.monotonic() + patience, PAUSES[0]
            elif time.monotonic() + pause > deadline:
                raise WordbrushError(
                    f"{source.address} did not answer well for {patience:.0f} seconds ({trouble}); "
                    "run again when it does: the download resumes where it stopped."
                ) from trouble
            time.sleep(pause)
            pause = min(2 * pause, PAUSES[1])
    require_hash(source.address, file, crc32c, sha256)
    return file


def _resume(source: Source, file: Path, note: Path, sha256: str | None) -> str | None:
    """Download what is missing. Returns the source's own checksum, if it states one."""
    known, start, mark = _known(note), 0, None
    if (
        known
        and known["address"] == source.address
        and file.is_file()
        and (known["mark"] or sha256)
    ):
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
    """What an earlier call noted; None where it did not, or where its note is damaged."""
    with suppress(WordbrushError):
        return read_json(note, Note)
    return None


def require_hash(address: str, file: Path, crc32c: str | None, sha256: str | None) -> None:
    """Raises WordbrushError, and deletes the file, where a checksum differs."""
    if crc32c and crc32c != (found := _crc32c(file)):
        what = f"its crc32c is {found}, but the bucket says {crc32c}"
    elif sha256 and sha256 != (found := digest(file)):
        what = f"its sha256 is {found}, but {sha256} was asked for"
    else:
        return
    file.unlink()
    raise WordbrushError(f"{address} is not what it should be: {what}. The file was deleted.")


def digest(file: Path) -> str:
    """The file's sha256."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _crc32c(file: Path) -> str:
    """The file's crc32c as Google Cloud Storage writes it: big-endian, in base64."""
    from google_crc32c import Checksum

    checksum = Checksum()
    with file.open("rb") as content:
        for _ in checksum.consume(content, MIB):
            pass
    return base64.b64encode(checksum.digest()).decode()
