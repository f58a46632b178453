"""From a source to a collection that `datasets` opens: nothing lost, resumable, the same bytes."""

import csv
import dataclasses
import hashlib
import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.corpora import miniatures as mini
from tests.test_cli import one_sentence
from wordbrush.corpora.division import Division
from wordbrush.corpora.intake import Settings, take_in
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.readers.table import reader_of
from wordbrush.corpora.records import Utterance, unpack
from wordbrush.corpora.shards import SPEECH, read_about, read_rows
from wordbrush.data.manifest import Manifest
from wordbrush.errors import FileFault, WordbrushError

COMMAND = (sys.executable, "-m", "wordbrush.cli", "data")
SETTINGS = Settings(None, Look(256, "white"), 60, Division("picture", 0.1, 0.1, 0), ())


def take(source: Path, target: Path, strict: bool = False, **changes: object) -> None:
    """What `wordbrush data SOURCE TARGET` does."""
    settings = dataclasses.replace(SETTINGS, **changes)
    take_in(Source(source), target, settings, only_check=False, strict=strict)


def on_one_core(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`wordbrush data`, which has as many workers as cores."""
    core = {min(os.sched_getaffinity(0))}
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        text=True,
        capture_output=True,
        preexec_fn=lambda: os.sched_setaffinity(0, core),
    )


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


SOURCES = {
    "folder": (mini.plain_folder, 6),
    "places": (mini.places, 6),
    "coco": (mini.spoken_coco, 20),
    "karpathy": (mini.karpathy, 8),
    "flickr8k": (mini.flickr8k, 6),
}


@pytest.mark.parametrize("form", SOURCES)
def test_from_a_reader_to_hugging_face_datasets(tmp_path, form):
    make, count = SOURCES[form]
    source, target, cache = tmp_path / "source", tmp_path / "target", str(tmp_path / "cache")
    make(source)
    take(source, target)
    given = Source(source)
    read = {one.id: one for one in reader_of(given, None).read(given)}
    loaded = datasets.load_dataset(str(target), "speech", cache_dir=cache)
    pictures = datasets.load_dataset(str(target), "pictures", cache_dir=cache)
    by_number = {row["image"]: row for split in pictures.values() for row in split}
    rows = [row for split in loaded.values() for row in split]
    assert {row["id"] for row in rows} == set(read) and len(rows) == count
    for row in rows:
        one = read[row["id"]]
        assert isinstance(one, Utterance)
        assert (row["speaker"], row["language"], row["text"], row["subset"]) == (
            one.speaker,
            one.language,
            one.text,
            one.split,
        )
        assert row["words"] == unpack(one.words)
        sound, rate = soundfile.read(io.BytesIO(row["audio"]["bytes"]), dtype="int16")
        told, _ = soundfile.read(io.BytesIO(one.sound.read()), dtype="int16")
        assert rate == 16000 and np.array_equal(sound, told * 2) and row["seconds"] == 0.5
        picture = by_number[row["image"]]
        with Image.open(io.BytesIO(one.picture.read())) as original:
            assert np.array_equal(np.asarray(picture["picture"]), np.asarray(original))
        assert (picture["split"], picture["name"]) == (row["split"], one.picture.name)
    for split, table in loaded.items():
        assert set(table["split"]) == {split}


def test_it_is_read_as_a_manifest(tmp_path):
    mini.spoken_coco(tmp_path / "source")
    target = tmp_path / "target"
    take(tmp_path / "source", target)
    columns = ["image", "split", "speaker", "language"]
    manifest = Manifest.of(list(read_rows(target, SPEECH, columns)))
    manifest.require_disjoint(target)
    train = manifest.captions("train")
    assert len(train) == 10 and manifest.positives(train).sum() == 2 * 5 * 5
    about = read_about(target)
    assert (about["reader"], about["utterances"], about["pictures"]) == ("coco", 20, 4)
    next((target / "speech").glob("validation-*")).unlink()
    (target / "speech/train-00001-of-00002.parquet").write_bytes(b"")
    with pytest.raises(FileFault, match=r"2 of 1 shards|not a readable Parquet"):
        list(read_rows(target, SPEECH))


def damaged(source: Path) -> None:
    """A plain folder with what nine of ten imports meet."""
    rows = mini.plain_folder(source, pictures=5, captions=2)
    speech = source / "speech"
    (speech / "p0 0.wav").write_bytes(b"")
    (source / "pictures/p1.png").unlink()
    mini.sound(speech / "p2 0.wav", 1, subtype="PCM_24")
    mini.sound(speech / "p2 1.wav", 2, format="MP3")
    (speech / "p3 0.wav").unlink()
    (speech / "p3 0.wav").symlink_to("/etc/hostname")
    rows[7]["id"] = rows[6]["id"]
    rows[8] |= {"id": "../../escape/ünï cödé\u202f/字.wav", "speaker": "=1+1", "language": "字"}
    mini.sound(source.parent / "secret.wav", 3)
    rows[9]["speech"] = "../secret.wav"
    mini.table(source / "captions.csv", rows, ";", "utf-8-sig")


def test_bad_input_is_reported_and_never_leaves_the_target(tmp_path):
    source, target = tmp_path / "in/source", tmp_path / "out/target"
    (tmp_path / "out").mkdir()
    damaged(source)
    with pytest.raises(WordbrushError, match=r"9 faults .* leave out --strict"):
        take(source, target, strict=True)
    assert not target.exists()
    take(source, target)
    with (tmp_path / "out/target.faults.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {(row["line"], row["left out"], row["kind"]) for row in rows} == {
        ("2", "yes", "sound: empty file"),
        ("4", "yes", "picture: missing file"),
        ("5", "yes", "picture: missing file"),
        ("6", "no", "sound: more than 16 bits"),
        ("7", "no", "sound: other type than its name"),
        ("8", "yes", "sound: outside of the source"),
        ("9", "yes", "repeated id"),
        ("11", "yes", "sound: outside of the source"),
        ("", "yes", "named nowhere"),
    }
    assert {row["file"] for row in rows} == {"captions.csv", "speech/p4 1.wav"}
    kept = list(read_rows(target, SPEECH))
    odd = next(row for row in kept if row["language"] == "字")
    assert odd["id"] == "../../escape/ünï cödé\u202f/字.wav" and odd["speaker"] == "=1+1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert sorted(os.listdir(tmp_path / "out")) == [".target.lock", "target", "target.faults.csv"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="cores cannot be restricted")
def test_one_process_and_many_write_the_same_bytes(tmp_path):
    mini.plain_folder(tmp_path / "source", pictures=9, captions=30)  # speech of two shards
    done = on_one_core(tmp_path / "source", tmp_path / "one")
    assert done.returncode == 0, done.stderr
    assert "270, 0.04 hours" in done.stdout and "holds the collection" in done.stdout
    take(tmp_path / "source", tmp_path / "many")
    one, many = hashes(tmp_path / "one"), hashes(tmp_path / "many")
    assert one == many and len(one) == 8


def test_an_import_that_was_stopped_resumes(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    mini.plain_folder(source, pictures=9, captions=4)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([*COMMAND, str(source), str(target)], text=True, **pipes)
    work = tmp_path / ".target.import"
    while not list(work.glob("shards/*/*/*.parquet")) and process.poll() is None:
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    if process.returncode:  # else it was done already, which is as good
        assert process.returncode == 75 and "called again, it resumes" in said
        assert not target.exists()
        written = {path: path.stat().st_mtime_ns for path in work.glob("shards/*/*/*.parquet")}
        assert written
        take(source, target)
        for path, changed in written.items():
            assert (target / Path(*path.parts[-2:])).stat().st_mtime_ns == changed
    take(source, tmp_path / "whole")
    assert hashes(target) == hashes(tmp_path / "whole")
    assert not work.exists()


def test_what_nobody_can_use_is_one_sentence(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    mini.plain_folder(source, pictures=1)
    shutil.rmtree(source / "pictures")
    for given, changes, said in (
        (
            source,
            {},
            r"nothing in the source can be used \(picture: missing file 2\); .* names them",
        ),
        (tmp_path / "gone", {}, "gone is missing"),
        (source, {"look": Look(64, "wihte")}, "is no colour"),
        (source, {"division": Division("both", 1, 0, 0)}, "nothing to train on"),
        (source, {"longest": 0}, "allows no sound"),
    ):
        with pytest.raises(WordbrushError, match=said):
            take(given, target, **changes)
    target.mkdir()
    (target / "mine").touch()
    with pytest.raises(WordbrushError, match="is there already"):
        take(source, target)
    for option in ("--reader", "--divide"):
        wrong = subprocess.run([*COMMAND, "x", option, "id"], text=True, capture_output=True)
        assert f"{option} 'id' is unknown" in one_sentence(wrong)
