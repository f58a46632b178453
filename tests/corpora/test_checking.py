"""What a check finds across rows: repeated ids, leaking pictures, shared speakers; divisions."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.corpora import miniatures as mini
from wordbrush.corpora.checking import Checked, check
from wordbrush.corpora.division import Division
from wordbrush.corpora.journal import journal
from wordbrush.corpora.pictures import Look
from wordbrush.corpora.readers.source import Source
from wordbrush.corpora.readers.table import reader_of
from wordbrush.corpora.records import Fault
from wordbrush.corpora.summary import lines
from wordbrush.data.splits import split_by_group
from wordbrush.errors import WordbrushError

LOOK = Look(64, "white")
LONGEST = 3.0
BY_PICTURE = Division("picture", validation=0.25, test=0.25, seed=0)


def checked(folder: Path, division: Division = BY_PICTURE, **how: object) -> Checked:
    source = Source(folder)
    return check(reader_of(source, None).read(source), LOOK, LONGEST, division, **how)  # type: ignore[arg-type]


def listed(folder: Path, *rows: tuple[str, str, str, str, str]) -> list[Fault]:
    """Write a list of (id, picture, speech, speaker, split) and return the faults of a check."""
    names = ("id", "picture", "speech", "speaker", "split")
    mini.table(folder / "captions.csv", [dict(zip(names, row, strict=True)) for row in rows])
    return checked(folder).faults


def found(faults: list[Fault], lost: bool = True) -> list[tuple[int | None, str]]:
    return [(fault.place.line, fault.kind) for fault in faults if fault.lost is lost]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six pictures, p5 with the content of p4, and 13 sounds, s12 with the content of s11."""
    for number in range(6):
        mini.picture(tmp_path / f"pictures/p{number}.png", min(number, 4))
    for number in range(13):
        mini.sound(tmp_path / f"speech/s{number}.wav", min(number, 11))
    return tmp_path


def test_ids_recordings_and_files(folder):
    (folder / "speech/empty.wav").write_bytes(b"")
    mini.sound(folder / "speech/long.wav", 1, seconds=4)
    faults = listed(
        folder,
        ("a", "p0.png", "s0.wav", "x", "train"),
        ("a", "p1.png", "s1.wav", "x", "train"),
        ("b", "p1.png", "gone.wav", "x", "train"),
        ("c", "gone.png", "s3.wav", "x", "train"),
        ("d", "p1.png", "empty.wav", "x", "train"),
        ("e", "p1.png", "long.wav", "x", "train"),
        ("f", "p1.png", "s11.wav", "x", "train"),
        ("g", "p1.png", "s12.wav", "x", "train"),
        ("h", "p2.png", "s11.wav", "x", "train"),
        ("i", "p2.png", "s4.wav", "x", "trial"),
        ("j", "p2.png", "s5.wav", "x", ""),
    )
    assert sorted((line, kind) for line, kind in found(faults) if line) == [
        (3, "repeated id"),
        (4, "sound: missing file"),
        (5, "picture: missing file"),
        (6, "sound: empty file"),
        (7, "sound: too long"),
        (9, "repeated recording"),
        (11, "unknown split"),
        (12, "unknown split"),
    ]
    assert found(faults, lost=False) == [(10, "repeated recording")]
    assert Counter(kind for _, kind in found(faults))["named nowhere"] == 9


def test_a_picture_of_a_test_is_not_trained_on(folder):
    faults = listed(
        folder,
        ("a", "p4.png", "s0.wav", "x", "train"),
        ("b", "p4.png", "s1.wav", "x", "dev"),
        ("c", "p5.png", "s2.wav", "x", "test"),
        ("d", "p1.png", "s3.wav", "y", "val"),
        ("e", "p0.png", "s4.wav", "y", "train"),
        ("f", "p2.png", "s5.wav", "z", "dev_seen"),
        ("g", "p3.png", "s6.wav", "y", "dev_unseen"),
    )
    leaks = [each for each in found(faults) if each[1] != "named nowhere"]
    assert leaks == [(2, "picture in two splits"), (3, "picture in two splits")]
    assert found(faults, lost=False) == [(5, "speaker in two splits")]


def test_what_is_kept_is_numbered_by_split_and_content(folder):
    listed(
        folder,
        ("a", "p5.png", "s0.wav", "", "test"),
        ("b", "p4.png", "s1.wav", "", "test"),
        ("c", "p2.png", "s2.wav", "", "train"),
        ("d", "p1.png", "s3.wav", "", "val"),
        ("e", "p0.png", "s4.wav", "", "train"),
    )
    kept = checked(folder)
    assert [one.id for one in kept.utterances] == ["c", "e", "d", "a", "b"]
    assert kept.splits == ["train", "train", "validation", "test", "test"]
    assert kept.images == [0, 1, 2, 3, 3]
    assert [picture.name for picture in kept.pictures] == ["p2.png", "p0.png", "p1.png", "p5.png"]
    assert not kept.divided
    said = "\n".join(lines(kept))
    assert "4; 1 more have the same content: PNG RGB 4" in said
    assert "5, 0.00 hours; 0.5 to 0.5 s" in said
    assert "train 2, validation 1, test 2\n" in said


@pytest.mark.parametrize("by", ["picture", "speaker", "both"])
def test_sources_without_splits_are_divided(tmp_path, by):
    mini.plain_folder(tmp_path, pictures=8, captions=4)
    kept = checked(tmp_path, Division(by, 0.25, 0.25, seed=1))
    assert kept.divided and set(kept.splits) == {"train", "validation", "test"}
    groups = {
        "picture": [one.picture for one in kept.utterances],
        "speaker": [one.speaker for one in kept.utterances],
    }
    for name in groups if by == "both" else [by]:
        split_of: dict[object, set[str]] = {}
        for group, split in zip(groups[name], kept.splits, strict=True):
            split_of.setdefault(group, set()).add(split)
        assert all(len(splits) == 1 for splits in split_of.values())
    between = [fault for fault in kept.faults if fault.kind == "between two splits"]
    assert len(kept.utterances) + len(between) == 32 and bool(between) == (by == "both")
    again = checked(tmp_path, Division(by, 0.25, 0.25, seed=1))
    assert (again.splits, again.utterances) == (kept.splits, kept.utterances)


@pytest.mark.parametrize("by", ["picture", "speaker", "both"])
def test_a_recording_of_several_pictures_lies_in_one_split(tmp_path, by):
    """Pictures 0 to 4 are a chain: each shares a recording with the next. So are 5 and 6."""
    rows = mini.plain_folder(tmp_path, pictures=24, captions=1)
    for number, row in enumerate(rows):
        row["speaker"] = f"s{number}"
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 4), (5, 6)):
        new = {"id": f"again {one}", "picture": f"p{other}.png", "speaker": f"s{other}"}
        rows.append(rows[one] | new)
    mini.table(tmp_path / "captions.csv", rows)
    for seed in range(5):
        kept = checked(tmp_path, Division(by, 0.25, 0.25, seed))
        splits_of: dict[str, set[str]] = {}
        for one, split in zip(kept.utterances, kept.splits, strict=True):
            splits_of.setdefault(one.sound.name, set()).add(split)
        assert all(len(splits) == 1 for splits in splits_of.values())
        if by != "both":
            assert len(kept.utterances) == 29
            linked = [splits_of[f"p{number} 0.wav"] for number in range(5)]
            assert linked == 5 * linked[:1] and len(set(kept.splits)) == 3


def test_sources_that_share_no_recordings_are_divided_as_before(tmp_path):
    mini.plain_folder(tmp_path, pictures=8, captions=1)
    kept = checked(tmp_path, Division("picture", 0.25, 0.25, 1))
    groups = np.arange(8)
    shares = {"train": 0.5, "validation": 0.25, "test": 0.25}
    wanted = dict(zip([f"u{n}" for n in groups], split_by_group(groups, shares, 1), strict=True))
    assert {u.id: split for u, split in zip(kept.utterances, kept.splits, strict=True)} == wanted


def test_a_recording_of_a_test_is_not_trained_on(folder):
    """s12 has the content of s11: the source has it in several splits, of several pictures."""
    faults = listed(
        folder,
        ("a", "p0.png", "s11.wav", "", "train"),
        ("b", "p1.png", "s12.wav", "", "test"),
        ("c", "p2.png", "s0.wav", "", "train"),
        ("d", "p3.png", "s1.wav", "", "dev"),
        ("e", "p4.png", "s1.wav", "", "dev"),
    )
    leaks = [each for each in found(faults) if each[1] != "named nowhere"]
    assert leaks == [(2, "recording in two splits")]
    assert found(faults, lost=False) == [(3, "repeated recording"), (6, "repeated recording")]


def test_files_of_other_packing_hold_the_same_sound_and_picture(folder):
    """A WAV file as FLAC, and a PNG file with a comment: found as the same, though no byte is."""
    samples, rate = soundfile.read(folder / "speech/s1.wav", dtype="int16")
    soundfile.write(folder / "speech/s1.flac", samples, rate)
    note = PngInfo()
    note.add_text("Comment", "another tag")
    with Image.open(folder / "pictures/p1.png") as same:
        same.save(folder / "pictures/tagged.png", pnginfo=note)
    faults = listed(
        folder,
        ("a", "p1.png", "s1.wav", "", "train"),
        ("b", "tagged.png", "s1.flac", "", "train"),
        ("c", "tagged.png", "s2.wav", "", "test"),
        ("d", "p2.png", "s3.wav", "", "train"),
    )
    leaks = [each for each in found(faults) if each[1] != "named nowhere"]
    assert leaks == [(3, "repeated recording"), (2, "picture in two splits")]


def test_few_pictures_and_bad_shares(tmp_path):
    mini.plain_folder(tmp_path, pictures=2)
    assert set(checked(tmp_path).splits) == {"train"}
    for validation, test in ((0.5, 0.5), (-0.1, 0.1)):
        with pytest.raises(WordbrushError, match="leave nothing to train on"):
            checked(tmp_path, Division("picture", validation, test, 0))


def test_languages_that_were_not_asked_for(tmp_path):
    mini.tux_paint(tmp_path)
    kept = checked(tmp_path, languages=("fr",))
    assert {one.language for one in kept.utterances} == {"fr"} and kept.elsewhere == 3
    assert any(line.endswith("3 utterances in other languages") for line in lines(kept))


def test_a_second_check_reads_only_what_changed(tmp_path):
    source, work = tmp_path / "source", tmp_path / "work"
    mini.plain_folder(source)
    with journal(work, LOOK, LONGEST) as kept:
        first = checked(source, journal=kept)
    file = work / "checked.jsonl"
    file.write_bytes(file.read_bytes() + b'{"of": "cut')
    size = file.stat().st_size
    with journal(work, LOOK, LONGEST) as kept:
        assert checked(source, journal=kept) == first
    assert file.stat().st_size == size + 1
    mini.sound(source / "speech/p0 0.wav", 11, seconds=1)
    with journal(work, LOOK, LONGEST) as kept:
        second = checked(source, journal=kept)
    assert second.facts[second.utterances[0].sound].seconds in (0.5, 1.0)
    changed = [media for media, facts in second.facts.items() if facts != first.facts[media]]
    assert [media.name for media in changed] == ["p0 0.wav"]
    assert second.facts[changed[0]].seconds == 1
    with journal(work, Look(32, "white"), LONGEST) as kept:
        assert not kept.facts
