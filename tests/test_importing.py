"""`wordbrush import` from a web server and a bucket; stopped and started again."""

import ctypes
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import time
import zipfile
from pathlib import Path

import pytest
from google.cloud import storage
from PIL import Image

from tests.faults.test_full_disk import CAP_DAC_OVERRIDE, PR_CAPBSET_DROP
from tests.test_cli import WORDBRUSH, one_sentence, wordbrush
from tests.web import Web
from wordbrush.errors import WordbrushError
from wordbrush.importing import import_archive
from wordbrush.scenes import clevr
from wordbrush.storage.downloads import MIB


def clevr_zip(pictures: int = 3, lost: int = 0, ballast: int = 0) -> bytes:
    """A small CLEVR_v1.0.zip: one folder, and the files that macOS adds."""
    out, picture = io.BytesIO(), io.BytesIO()
    Image.new("RGB", (48, 32), (200, 10, 10)).save(picture, "png")
    names = [f"CLEVR_train_{number:06d}.png" for number in range(pictures)]
    with zipfile.ZipFile(out, "w") as archive:
        for name in names[lost:]:
            archive.writestr(f"CLEVR_v1.0/images/train/{name}", picture.getvalue())
        scenes = {"scenes": [{"image_filename": name} for name in names]}
        archive.writestr("CLEVR_v1.0/scenes/CLEVR_train_scenes.json", json.dumps(scenes))
        archive.writestr("CLEVR_v1.0/README.txt", os.urandom(ballast))
        archive.writestr("__MACOSX/CLEVR_v1.0/._README.txt", b"")
    return out.getvalue()


@pytest.fixture
def web():
    with Web() as web:
        yield web


def test_clevr_from_the_web_is_ready_for_training(web, tmp_path):
    web.files["/CLEVR_v1.0.zip"] = content = clevr_zip()
    done = wordbrush("import", web.url("/CLEVR_v1.0.zip"), "sets/clevr", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (
        hashlib.sha256(content).hexdigest() in done.stdout and "3 training pictures" in done.stdout
    )
    assert '  source: clevr\n  clevr_path: "sets/clevr"\n' in done.stdout
    assert len(list(clevr.pictures(tmp_path / "sets/clevr", 3, 16))) == 3
    assert [path.name for path in (tmp_path / "sets").iterdir()] == ["clevr"]
    assert not (tmp_path / "sets/clevr/__MACOSX").exists()


def test_clevr_from_a_bucket(bucket_server, monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket_server)
    content, source = clevr_zip(), "gs://wordbrush/sets/CLEVR_v1.0.zip"
    storage.Client(project=None).bucket("wordbrush").blob("sets/CLEVR_v1.0.zip").upload_from_string(
        content
    )
    refused("is not what it should be: its sha256", source, tmp_path / "clevr", "0" * 64)
    import_archive(source, tmp_path / "clevr", hashlib.sha256(content).hexdigest().upper())
    assert len(clevr.check(tmp_path / "clevr")) == 3


def refused(words: str, source: str, target: Path, sha256: str | None = None) -> None:
    """The import ends with one sentence, and leaves no target."""
    with pytest.raises(WordbrushError, match=re.escape(words)) as caught:
        import_archive(source, target, sha256)
    assert "\n" not in str(caught.value)


def test_stopped_by_a_signal_it_goes_on_when_called_again(web, tmp_path):
    web.files["/x.zip"] = content = clevr_zip(ballast=4 * MIB)
    web.drop_after, web.after_drop = [2 * MIB], [503] * 99
    process = subprocess.Popen(
        [WORDBRUSH, "import", web.url("/x.zip"), "clevr"],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(web.asked) < 3:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 75 and "called again, it resumes" in process.stderr.read()
    assert not (tmp_path / "clevr").exists()
    web.statuses, web.asked = [], []
    done = wordbrush(
        "import",
        web.url("/x.zip"),
        "clevr",
        "--sha256",
        hashlib.sha256(content).hexdigest(),
        cwd=tmp_path,
    )
    assert done.returncode == 0 and web.asked == [f"bytes={2 * MIB}-"]
    assert [path.name for path in tmp_path.iterdir()] == ["clevr"]


def test_a_bad_archive_leaves_nothing(web, tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("good", b"1")
        archive.writestr("../../evil", b"2")
    web.files |= {"/evil.zip": out.getvalue(), "/cut.zip": clevr_zip()[:-30]}
    refused(
        "/evil.zip was not unpacked: the name '../../evil' leads outside",
        web.url("/evil.zip"),
        tmp_path / "sets/x",
    )
    refused(
        "/cut.zip was not unpacked: it is damaged or cut short",
        web.url("/cut.zip"),
        tmp_path / "sets/x",
    )
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [] and list(
        (tmp_path / "sets").iterdir()
    ) == []


def test_pictures_that_are_missing_are_counted(web, tmp_path):
    web.files["/x.zip"] = clevr_zip(lost=2)
    refused("lacks 2 of the 3 pictures that its scenes name", web.url("/x.zip"), tmp_path / "x")


def test_other_sets_are_counted(web, tmp_path, capsys):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.txt", b"1")
        archive.writestr("b/c.txt", b"2")
    web.files["/set.zip"] = out.getvalue()
    import_archive(web.url("/set.zip"), tmp_path / "set")
    assert (
        "set holds 2 files" in capsys.readouterr().out
        and (tmp_path / "set/b/c.txt").read_text() == "2"
    )


def test_what_is_there_is_never_replaced(web, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/file").write_text("precious")
    web.files["/x.zip"] = clevr_zip()
    for target in ("mine", "mine/file", "."):
        refused("is there already", web.url("/x.zip"), Path(target))
    assert web.asked == [] and Path("mine/file").read_text() == "precious"


@pytest.mark.parametrize(
    ("source", "sha256", "words"),
    [
        ("http://example.org/x.zip", None, "only gs:// and https:// are read"),
        ("gs://nowhere/x.zip", None, "no such bucket"),
        ("https://127.0.0.1:9/x.zip", None, "cannot be reached"),
        ("https://127.0.0.1:9/x.zip", "1", "64 hexadecimal"),
    ],
)
def test_faults_are_one_sentence(bucket_server, monkeypatch, tmp_path, source, sha256, words):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket_server)
    refused(words, source, tmp_path / "x", sha256)
    assert not (tmp_path / "x").exists()


def test_a_place_that_cannot_be_written_is_named(web, tmp_path):
    web.files["/x.zip"] = clevr_zip()
    (tmp_path / "file").write_text("")
    refused(
        "file/.x.download cannot be written: not a directory",
        web.url("/x.zip"),
        tmp_path / "file/x",
    )
    (tmp_path / "locked").mkdir(mode=0o555)
    done = subprocess.run(
        [WORDBRUSH, "import", web.url("/x.zip"), str(tmp_path / "locked/x")],
        text=True,
        capture_output=True,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0),
    )
    assert "cannot be written: permission denied" in one_sentence(done)
