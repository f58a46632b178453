"""Good archives are unpacked; each kind of bad one is one sentence, and writes nothing outside."""

import contextlib
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wordbrush.errors import WordbrushError
from wordbrush.storage.archives import LIMITS, MIB, BadArchive, Limits, unpack

FILES = {
    "data/a.txt": b"a" * 3000,
    "data/deep/b.bin": os.urandom(3 * MIB),
    "data/empty": b"",
    "ä ö.txt": b"umlaut",
}
KINDS = ("zip", "tar", "tar.gz")


def make(
    path: Path, kind: str, files: dict[str, bytes], *members: tarfile.TarInfo | zipfile.ZipInfo
) -> Path:
    """An archive of these files, and of members that hold nothing."""
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
            for member in members:
                archive.writestr(member, b"/etc")
    else:
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as archive:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            for member in members:
                archive.addfile(member)
    return path


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zip_entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    return info


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refused(archive: Path, words: str, limits: Limits = LIMITS) -> None:
    """Refused in one sentence, and the folder above the target is as it was."""
    folder = archive.parent / "above/target"
    with pytest.raises(BadArchive, match=words) as caught:
        unpack(archive, folder, "the-archive", limits)
    assert str(caught.value).startswith("the-archive was not unpacked: ") and "\n" not in str(
        caught.value
    )
    assert [path.name for path in folder.parent.iterdir()] == ["target"]
    assert not any(path.is_symlink() for path in folder.rglob("*"))


@pytest.mark.parametrize("kind", KINDS)
def test_all_of_it_is_unpacked(tmp_path, kind):
    folder = (
        entry("data/none", tarfile.DIRTYPE) if kind != "zip" else zip_entry("data/none/", 0o40755)
    )
    unpack(make(tmp_path / "x", kind, FILES, folder), tmp_path / "out", "x")
    assert contents(tmp_path / "out") == FILES and (tmp_path / "out/data/none").is_dir()


def test_only_the_bytes_are_taken_over(tmp_path):
    """Neither owner nor mode: nothing becomes executable or setuid."""
    info = tarfile.TarInfo("x")
    info.mode, info.uid = 0o4777, 12345
    unpack(make(tmp_path / "x.tar", "tar", {}, info), tmp_path / "out", "x")
    found = (tmp_path / "out/x").stat()
    assert found.st_mode & 0o7111 == 0 and found.st_uid == os.getuid()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "..", "a\\..\\x", "C:/x", "a\nb", "a\x1b[2Jb"]
)
def test_names_that_lead_outside_are_refused(tmp_path, kind, name):
    refused(make(tmp_path / "x", kind, {"good": b"1", name: b"2"}), "leads outside")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["a" * 256, "a/" * 600 + "b"])
def test_names_that_no_disk_takes_are_refused(tmp_path, kind, name):
    refused(make(tmp_path / "x", kind, {name: b"2"}), "too long")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    refused(
        make(tmp_path / "x", "tar.gz", {"good": b"1"}, entry("link", kind, "/etc")),
        "a link or a device",
    )


@pytest.mark.parametrize("mode", [0o120777, 0o020666, 0o060666, 0o010666, 0o140666])
def test_links_and_devices_in_a_zip_are_refused(tmp_path, mode):
    refused(
        make(tmp_path / "x", "zip", {"good": b"1"}, zip_entry("link", mode)), "a link or a device"
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a/b", "a")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_of_one_name_are_refused(tmp_path, kind, names):
    second = zip_entry(names[1], 0) if kind == "zip" else tarfile.TarInfo(names[1])
    refused(make(tmp_path / "x", kind, {names[0]: b"1"}, second), "is in it twice")


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_is_refused(tmp_path, kind):
    archive = make(tmp_path / "x", kind, {f"{number}": bytes(20 * MIB) for number in range(4)})
    assert archive.stat().st_size < MIB
    refused(archive, "larger than 64 MiB, which is too much for its size")
    assert sum(map(len, contents(tmp_path / "above/target").values())) <= 64 * MIB


def test_a_header_that_claims_gigabytes_takes_no_memory(tmp_path):
    """GNU's long names: the length of a name is any number."""
    info = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 5 * 2**30
    with tarfile.open(tmp_path / "x", "w:gz") as archive:
        archive.fileobj.write(info.tobuf() + bytes(5 * MIB))
    refused(tmp_path / "x", "a header in it is too long")


def test_a_sparse_file_of_terabytes_is_refused(tmp_path):
    info = tarfile.TarInfo("x")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(2**42),
    }
    with tarfile.open(tmp_path / "x", "w:gz", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info)
    refused(tmp_path / "x", "too much for its size")


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_files_are_refused(tmp_path, kind):
    refused(
        make(tmp_path / "x", kind, {str(number): b"" for number in range(11)}),
        "more than 10 files",
        Limits(files=10),
    )


def test_more_than_the_disk_has_is_refused_before_it_is_written(tmp_path, monkeypatch):
    import shutil

    archive = make(tmp_path / "x", "zip", FILES)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=MIB))
    with pytest.raises(WordbrushError, match="GiB are free: free some space") as caught:
        unpack(archive, tmp_path / "out", "x")
    assert not isinstance(caught.value, BadArchive) and contents(tmp_path / "out") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"none", b"<html>please log in</html>", b"PK\x03\x04", b"\x1f\x8b", b"PK\x05\x06"],
)
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "x").write_bytes(content)
    refused(tmp_path / "x", "neither zip nor tar|damaged or cut short")


def test_an_encrypted_zip_is_refused(tmp_path):
    archive = make(tmp_path / "x", "zip", {"a": b"1"})
    data = bytearray(archive.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    archive.write_bytes(data)
    refused(archive, "it is encrypted")


def test_other_methods_of_zip_are_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "x", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a", b"1")
    refused(tmp_path / "x", "packed by method 14")


@pytest.mark.parametrize("size", [10, 30])
def test_a_zip_that_lies_about_a_size_is_refused(tmp_path, size):
    """Sizes are summed before anything is written: a member has no more than its header says."""
    archive = make(tmp_path / "x", "zip", {"a": bytes(range(20))})
    data = archive.read_bytes()
    begin = data.index(b"PK\x01\x02") + 24
    archive.write_bytes(data[:begin] + size.to_bytes(4, "little") + data[begin + 4 :])
    refused(archive, "damaged or cut short|has 20 of 30 bytes")


SMALL = {"a.txt": b"hello " * 40, "b/c": bytes(range(256)), "d": b""}


@pytest.mark.parametrize("kind", KINDS)
def test_cut_anywhere_it_is_refused(tmp_path, kind):
    data = make(tmp_path / "whole", kind, SMALL).read_bytes()
    size = (
        len(data) if kind != "tar" else data.rindex(b"ustar") // 512 * 512 + 512
    )  # tar is padded with zeros beyond its end
    for length in {*range(0, size, 97 if kind == "tar" else 13), size - 1}:
        archive = tmp_path / f"cut{length}"
        archive.write_bytes(data[:length])
        with pytest.raises(BadArchive):
            unpack(archive, tmp_path / f"out{length}", "x")


@pytest.mark.parametrize("kind", KINDS)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_damaged_anywhere_it_is_refused_or_stays_inside(tmp_path_factory, kind, data):
    place = tmp_path_factory.mktemp("damaged")
    archive = make(place / "x", kind, SMALL)
    content = bytearray(archive.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    archive.write_bytes(content)
    with contextlib.suppress(BadArchive):
        unpack(archive, place / "above/out", "x")
    assert [path.name for path in (place / "above").iterdir()] == ["out"]
    assert all(path.is_file() or path.is_dir() for path in (place / "above").rglob("*"))
    assert not any(path.is_symlink() for path in (place / "above").rglob("*"))
