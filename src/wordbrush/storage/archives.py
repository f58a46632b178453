"""Archives made by others, unpacked safely: zip (stored or deflated), tar and tar.gz.

Nothing is written outside the folder; links, devices and decompression bombs are refused. The name,
kind and size of a member are checked before it is written. Written by hand around zipfile and
tarfile, whose own checks limit neither sizes nor numbers.
"""

import errno
import gzip
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import fsencode
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import require_space
from wordbrush.telemetry.progress import Progress

MIB = 1 << 20
NAME_BYTES, PART_BYTES = 1000, 255  # of a path, and of one name in it, as file systems take them
# What zipfile, tarfile and gzip raise at damaged bytes; tests change thousands of them.
DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    struct.error,
    EOFError,
    ValueError,
    ArithmeticError,
    LookupError,
    RuntimeError,
)
DAMAGE_NUMBERS = (None, errno.EINVAL)  # of an OSError: gzip's own, and a seek below zero


class BadArchive(WordbrushError):
    """The archive is damaged, or has what no data set needs."""


@dataclass(frozen=True)
class Limits:
    """What an archive may hold. CLEVR v1.0 has 100,013 files, and hardly shrinks when packed.

    ratio: bytes unpacked to bytes packed. always: bytes unpacked that are allowed at any ratio.
    """

    files: int = 2_000_000
    ratio: int = 100
    always: int = 64 * MIB


LIMITS = Limits()


@dataclass(frozen=True)
class Member:
    """A file or folder in an archive."""

    name: str
    size: int
    content: IO[bytes] | None  # None: a folder
    end: int  # bytes of the archive up to its end


def unpack(archive: Path, folder: Path, name: str, limits: Limits = LIMITS) -> None:
    """Write all of the archive into `folder`, which is new or empty.

    name: of the archive, in messages.
    Raises BadArchive, or WordbrushError where the disk is full; the folder then holds a part of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    packed = archive.stat().st_size
    most = max(limits.always, limits.ratio * packed)
    with damage(name), Progress("unpacking", round(packed / MIB, 1), "MiB") as progress:
        for number, member in enumerate(members(archive, folder, most), 1):
            if number > limits.files:
                raise BadArchive(f"it holds more than {limits.files} files")
            write(member, folder)
            progress.advance(member.end / MIB - progress.done)


@contextmanager
def damage(name: str) -> Iterator[None]:
    """Whatever is wrong with the archive, as one sentence with its name."""
    try:
        yield
    except BadArchive as error:
        raise BadArchive(f"{name} was not unpacked: {error}.") from None
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno not in DAMAGE_NUMBERS:
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadArchive(
            f"{name} was not unpacked: it is damaged or cut short ({reason})."
        ) from error


def members(archive: Path, folder: Path, most: int) -> Iterator[Member]:
    """What the archive holds, in order; each is to be read before the next. most: bytes in all."""
    with archive.open("rb") as raw:
        head = raw.read(512)
        raw.seek(0)
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            yield from zip_members(raw, folder, most)
        elif head.startswith(b"\x1f\x8b"):
            with gzip.GzipFile(fileobj=raw) as unzipped:
                yield from tar_members(unzipped, raw, folder, most)
        elif head[257:262] == b"ustar":
            yield from tar_members(raw, raw, folder, most)
        else:
            raise BadArchive("it is neither zip nor tar nor tar.gz")


def zip_members(raw: BinaryIO, folder: Path, most: int) -> Iterator[Member]:
    """Members of a zip. zipfile reads no more bytes than a header declares, and checks the CRC."""
    end = 0
    with zipfile.ZipFile(raw) as archive:
        infos = archive.infolist()
        require_size(sum(info.file_size for info in infos), folder, most)
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)
            require_plain(info.filename, kind in (0, stat.S_IFREG, stat.S_IFDIR))
            if info.flag_bits & 1:
                raise BadArchive("it is encrypted")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise BadArchive(
                    f"{info.filename!r} is packed by method {info.compress_type}; only stored "
                    "and deflated are read"
                )
            end += info.compress_size
            if info.is_dir():
                yield Member(info.filename, 0, None, end)
            else:
                with archive.open(info) as content:
                    yield Member(info.filename, info.file_size, content, end)


def tar_members(
    packed: BinaryIO | gzip.GzipFile, raw: BinaryIO, folder: Path, most: int
) -> Iterator[Member]:
    """Members of a tar. raw: the archive's file; packed: the same, or what decompresses it."""
    total, stream = 0, BoundedStream(packed, most)
    with tarfile.TarFile(fileobj=stream) as archive:  # type: ignore[arg-type]  # it only reads
        for info in archive:
            require_plain(info.name, info.isreg() or info.isdir())
            total += info.size
            require_size(total, folder, most)
            yield Member(
                info.name,
                info.size,
                archive.extractfile(info) if info.isreg() else None,
                raw.tell(),
            )
        if stream.last != bytes(tarfile.BLOCKSIZE):  # tarfile takes anything else for the end too
            raise BadArchive("it is cut short: the mark of its end is missing")
        while stream.read(MIB):  # up to the checksum of gzip
            pass


class BoundedStream:
    """A stream that gives neither too much at once, whatever a header claims, nor too much in all.

    last: the last piece that was read.
    """

    def __init__(self, stream: BinaryIO | gzip.GzipFile, most: int):
        self.stream, self.most, self.last = stream, most, b""
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        if not 0 <= size <= MIB:
            raise BadArchive("a header in it is too long")
        self.last = self.stream.read(size)
        if self.stream.tell() > self.most:
            raise too_much(self.most)
        return self.last


def require_size(size: int, folder: Path, most: int) -> None:
    """Raises BadArchive for a decompression bomb, WordbrushError where the disk is too full."""
    if size > most:
        raise too_much(most)
    require_space(folder, size, "what is to be unpacked")


def too_much(most: int) -> BadArchive:
    return BadArchive(
        f"it would become larger than {most / MIB:.0f} MiB, which is too much for its size"
    )


def require_plain(name: str, plain: bool) -> None:
    if not plain:
        raise BadArchive(f"{name!r} is a link or a device; only files and folders are taken")


def inside(name: str) -> PurePosixPath:
    """A member's path. Raises BadArchive where it leads outside or is not portable."""
    path = PurePosixPath(name)
    if (
        path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or not name.isprintable()
        or name[1:2] == ":"
    ):
        raise BadArchive(f"the name {name!r} leads outside, or is not portable")
    if len(fsencode(name)) > NAME_BYTES or any(
        len(fsencode(part)) > PART_BYTES for part in path.parts
    ):
        raise BadArchive(f"the name {name[:80]!r}… is too long")
    return path


def write(member: Member, folder: Path) -> None:
    """Write one member. Raises BadArchive where its name is taken, or bytes are missing."""
    path = folder / inside(member.name)
    try:
        (path if member.content is None else path.parent).mkdir(parents=True, exist_ok=True)
        if member.content is None:
            return
        with path.open("xb") as out:
            while piece := member.content.read(MIB):
                out.write(piece)
            written = out.tell()
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise BadArchive(f"{member.name!r} is in it twice") from None
    if written != member.size:
        raise BadArchive(f"it is cut short: {member.name!r} has {written} of {member.size} bytes")
