"""Each reader on a miniature of its form: what it yields, and where faults are."""

import io
import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from tests.corpora import miniatures as mini
from wordbrush.cli import SOURCES
from wordbrush.corpora.readers.source import Source, known_split, split_of_name
from wordbrush.corpora.readers.table import READERS, reader_of
from wordbrush.corpora.records import Fault, Utterance, unpack
from wordbrush.errors import WordbrushError


def read(source: Source | Path, reader: str) -> tuple[list[Utterance], list[Fault]]:
    """What the reader that recognises a source finds in it."""
    source = source if isinstance(source, Source) else Source(source)
    chosen = reader_of(source, None)
    assert chosen.name == reader
    found = list(chosen.read(source))
    return (
        [one for one in found if isinstance(one, Utterance)],
        [one for one in found if isinstance(one, Fault)],
    )


def places_of(faults: list[Fault]) -> list[tuple[str, str]]:
    return [(str(fault.place), fault.kind) for fault in faults]


def are_there(utterances: list[Utterance]) -> bool:
    """Whether every picture and sound can be read, and is that of its number."""
    return all(one.picture.read() and soundfile.read(io.BytesIO(one.sound.read()))
               for one in utterances)  # fmt: skip


def test_the_command_line_names_the_readers():
    assert tuple(READERS) == SOURCES


def test_a_plain_folder(tmp_path):
    rows = mini.plain_folder(tmp_path)
    found, faults = read(tmp_path, "folder")
    assert not faults and are_there(found)
    for one, row in zip(found, rows, strict=True):
        said = one.id, one.picture.name, one.sound.name, one.speaker, one.language, one.text
        assert said == tuple(row.values())
    assert [one.place.line for one in found] == [2, 3, 4, 5, 6, 7]


def test_excels_lists_and_multi_line_cells(tmp_path):
    rows = mini.plain_folder(tmp_path)
    for encoding, delimiter in (("utf-8-sig", ";"), ("utf-16", "\t")):
        rows[1]["text"] = "two\nlines; and, more"
        mini.table(tmp_path / "captions.csv", rows, delimiter, encoding)
        found, faults = read(tmp_path, "folder")
        assert not faults
        assert [one.text for one in found] == [row["text"] for row in rows]
        assert [one.place.line for one in found] == [2, 3, 5, 6, 7, 8]


def test_damaged_rows_of_a_list_are_named_by_line(tmp_path):
    mini.plain_folder(tmp_path)
    (tmp_path / "speech/forgotten.wav").write_bytes(b"")
    (tmp_path / "captions.csv").write_text(
        "picture,speech,id,words\n"
        "p0.png,p0 0.wav,a,\n"
        "p0.png,p0 1.wav\n"
        '"p1"x.png,p1 0.wav,c,\n'
        ",p1 0.wav,d,\n"
        "p1.png,,e,\n"
        "\n"
        'p1.png,p1 1.wav,"f\x07",\n'
        "p2.png,p2 0.wav,g,0.5__late__0.1\n"
        'p2.png,p2 1.wav,"h,\n'
        "p2.png,p2 1.wav,i,\n"
    )
    found, faults = read(tmp_path, "folder")
    assert [one.id for one in found] == ["a"]
    assert places_of(faults)[:7] == [
        ("captions.csv, line 3", "bad row"),
        ("captions.csv, line 4", "bad row"),
        ("captions.csv, line 5", "no picture named"),
        ("captions.csv, line 6", "no sound named"),
        ("captions.csv, line 8", "bad id"),
        ("captions.csv, line 9", "bad word times"),
        ("captions.csv, line 10", "bad row"),
    ]
    assert ("speech/forgotten.wav", "named nowhere") in places_of(faults)
    named = [fault.place.file for fault in faults if fault.kind == "named nowhere"]
    assert "speech/p1 0.wav" not in named  # a row names it, though it lacks a picture


def test_a_list_that_is_no_utf8_is_named_by_line(tmp_path):
    mini.plain_folder(tmp_path)
    (tmp_path / "captions.csv").write_bytes("picture,speech\nü.png,ü.wav\n".encode("latin-1"))
    _, faults = read(tmp_path, "folder")
    assert places_of(faults)[0] == ("captions.csv, line 2", "unreadable list")


def test_a_folder_with_metadata_and_splits_by_folder(tmp_path):
    for split in ("train", "validation"):
        mini.picture(tmp_path / split / "a.png", 0)
        mini.sound(tmp_path / split / "a.wav", 0)
        line = {"file_name": "a.wav", "image": "a.png", "sentence": split, "client_id": 3}
        (tmp_path / split / "metadata.jsonl").write_text(f"{json.dumps(line)}\n{{broken\n[1]\n")
    found, faults = read(Source(tmp_path, language="tw"), "folder")
    assert are_there(found)
    assert [(one.split, one.text, one.speaker, one.language) for one in found] == [
        ("train", "train", "3", "tw"),
        ("validation", "validation", "3", "tw"),
    ]
    assert places_of(faults)[:2] == [
        ("train/metadata.jsonl, line 2", "bad row"),
        ("train/metadata.jsonl, line 3", "bad row"),
    ]


def test_places_plain_and_aligned(tmp_path):
    mini.places(tmp_path)
    found, faults = read(tmp_path, "places")
    assert not faults and are_there(found)
    assert [one.split for one in found] == [
        *["dev_seen"] * 2,
        *["test_unseen"] * 2,
        *["train"] * 2,
    ]
    aligned = found[2]
    assert unpack(aligned.words) == [
        {"word": "a", "start": 0.0, "end": 0.1},
        {"word": "nursery", "start": 0.1, "end": 0.4},
    ]
    assert (aligned.id, aligned.speaker, aligned.text) == ("A0-utterance_4", "A0", "a nursery 4")
    assert found[4].words == ""
    assert str(aligned.place) == "metadata/test_unseen_2020.json, line 5, entry 1"
    one_list, _ = read(tmp_path / "metadata/train_2020.json", "places")
    assert [one.id for one in one_list] == [one.id for one in found[4:]]
    chosen, _ = read(Source(tmp_path, lists="dev*"), "places")
    assert [one.split for one in chosen] == ["dev_seen"] * 2


def test_places_whose_files_lie_elsewhere(tmp_path):
    mini.places(tmp_path / "all")
    for part in ("wavs", "images"):
        (tmp_path / "all" / part).rename(tmp_path / part)
    lists = tmp_path / "all/metadata"
    elsewhere = Source(lists, pictures=tmp_path / "images", sounds=tmp_path)
    assert are_there(read(elsewhere, "places")[0])


def test_spoken_coco(tmp_path):
    mini.spoken_coco(tmp_path)
    found, faults = read(tmp_path, "coco")
    assert not faults and are_there(found) and len(found) == 20
    assert [one.split for one in found] == ["train"] * 10 + ["val"] * 10
    assert len({one.picture for one in found}) == 4
    assert (found[6].id, found[6].speaker, found[6].text) == ("m1-1", "m1", "TEXT 1 1")
    assert str(found[6].place) == "SpokenCOCO_train.json, line 1, entry 2"


def test_karpathys_nested_lists(tmp_path):
    mini.karpathy(tmp_path)
    found, faults = read(tmp_path, "coco")
    assert not faults and are_there(found)
    assert [one.split for one in found[::2]] == ["train", "restval", "val", "test"]
    assert [known_split(one.split) for one in found[::2]] == [
        *["train"] * 2,
        "validation",
        "test",
    ]
    assert (found[3].id, found[3].speaker, found[3].text) == ("11", "1", "A dog 1.")


def test_coco_without_recordings_or_captions(tmp_path):
    entries = [
        {"filename": "0.jpg", "split": "train", "sentences": [{"raw": "A dog.", "sentid": 1}]},
        {"filename": "1.jpg", "split": "train", "sentences": []},
        {"filename": "2.jpg", "split": "train", "sentences": ["A dog."]},
        "3.jpg",
    ]
    mini.written(tmp_path / "dataset.json", {"images": entries}, indent=1)
    found, faults = read(tmp_path, "coco")
    assert not found
    assert [fault.kind for fault in faults] == [
        "no sound named",
        "no captions",
        "bad row",
        "bad row",
    ]
    assert [fault.place.entry for fault in faults] == [1, 2, 3, 4]


def test_json_that_was_cut_gives_what_comes_before(tmp_path):
    mini.places(tmp_path)
    cut = tmp_path / "metadata/train_2020.json"
    whole = cut.read_text()
    cut.write_text(whole[: whole.index('"uttid"', whole.index('"uttid"') + 1) + 20])
    found, faults = read(tmp_path, "places")
    assert len(found) == 5
    assert places_of(faults) == [
        ("metadata/train_2020.json, line 12, entry 2", "unreadable list"),
    ]
    cut.write_text(whole[:30])
    found, faults = read(tmp_path, "places")
    assert len(found) == 4
    assert places_of(faults) == [("metadata/train_2020.json", "unreadable list")]


def test_flickr8k_audio(tmp_path):
    mini.flickr8k(tmp_path)
    with (tmp_path / "flickr_audio/wav2capt.txt").open("a") as file:
        file.write("\n1003_cd_0.wav 1003_cd.png\n")
    found, faults = read(tmp_path, "flickr8k")
    assert are_there(found)
    assert [one.split for one in found[::2]] == ["train", "dev", "test"]
    third = found[3]
    assert (third.id, third.speaker, third.text) == ("101_ab_1", "8", "A dog , number 1 .")
    assert {one.language for one in found} == {"en"}
    assert places_of(faults) == [("flickr_audio/wav2capt.txt, line 8", "bad row")]


def hub(folder: Path) -> datasets.Dataset:
    rows = {"audio": [], "image": [], "sentence": [], "speaker_id": [], "words": []}
    for number in range(5):
        sound = mini.sound(folder / f"raw/{number}.flac", number)
        picture = mini.picture(folder / f"raw/{number // 2}.png", number // 2)
        rows["audio"].append({"bytes": sound.read_bytes(), "path": sound.name})
        rows["image"].append({"bytes": picture.read_bytes(), "path": picture.name})
        rows["sentence"].append(f"text {number}")
        rows["speaker_id"].append(number)
        rows["words"].append([{"word": "text", "start": 0.0, "end": 0.25}])
    made = datasets.Dataset.from_dict(rows)
    made = made.cast_column("audio", datasets.Audio(16000, decode=False))
    return made.cast_column("image", datasets.Image(decode=False))


@pytest.mark.parametrize("form", ["parquet", "disk", "small groups"])
def test_hugging_face_folders(tmp_path, form):
    made, folder = hub(tmp_path), tmp_path / "set"
    if form == "parquet":
        (folder / "data").mkdir(parents=True)
        made.to_parquet(folder / "data/test-00000-of-00001.parquet")
    elif form == "disk":
        datasets.DatasetDict({"test": made}).save_to_disk(folder)
    else:
        table = made.with_format("arrow")[:]
        (folder / "test").mkdir(parents=True)
        pq.write_table(table, folder / "test/0000.parquet", row_group_size=2)
    found, faults = read(folder, "huggingface")
    assert not faults and are_there(found)
    for number, one in enumerate(found):
        assert (one.text, one.speaker, one.split) == (f"text {number}", str(number), "test")
        assert one.sound.read() == (tmp_path / f"raw/{number}.flac").read_bytes()
        assert one.picture.read() == (tmp_path / f"raw/{number // 2}.png").read_bytes()
        assert one.sound.name.endswith(".flac") and one.place.entry == number + 1
        assert unpack(one.words) == [{"word": "text", "start": 0.0, "end": 0.25}]
    assert len({one.id for one in found}) == 5


def test_tables_without_features_columns_or_content(tmp_path):
    mini.sound(tmp_path / "0.wav", 0)
    mini.picture(tmp_path / "0.png", 0)
    rows = [{"id": "x", "audio": "0.wav", "image": "0.png", "locale": "xh"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    pq.write_table(pa.table({"audio": ["0.wav"], "text": ["x"]}), tmp_path / "test.parquet")
    early = {"audio": [{"array": [0.1, 0.2], "sampling_rate": 2}], "image": ["0.png"]}
    pq.write_table(pa.table(early), tmp_path / "test-early.parquet")
    (tmp_path / "val.parquet").write_bytes(b"PAR1 cut")
    with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as file:
        table = pa.Table.from_pylist(rows)
        with pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    whole = (tmp_path / "x.arrow").read_bytes()
    # The end of a name in the column of ids, beyond all that there is.
    at = whole.rindex(b"x" + bytes(7)) - 4
    (tmp_path / "x.arrow").write_bytes(whole[:at] + b"\xff\xff\xff\x7f" + whole[at + 4 :])
    found, faults = read(tmp_path, "huggingface")
    assert [(one.id, one.split, one.language) for one in found] == [("x", "train", "xh")]
    assert are_there(found)
    assert places_of(faults) == [
        ("test-early.parquet", "no column"),
        ("test.parquet", "no column"),
        ("val.parquet", "unreadable list"),
        ("x.arrow", "unreadable list"),
    ]


def test_stamps_of_tux_paint(tmp_path):
    mini.tux_paint(tmp_path)
    found, faults = read(tmp_path, "tuxpaint")
    assert are_there(found)
    said = {Path(one.id).name: (one.language, one.picture.name, one.text) for one in found}
    assert said == {
        "apple": ("zxx", "apple.png", ""),
        "apple_desc": ("en", "apple.png", "A red apple."),
        "apple_desc_fr": ("fr", "apple.png", "Une pomme rouge."),
        "bread_desc_fr": ("fr", "bread.svg", ""),
        "bread_desc_pt_BR": ("pt_BR", "bread.svg", ""),
    }
    assert places_of(faults) == [
        ("usr/share/tuxpaint/stamps/food/lost_desc.ogg", "no picture named")
    ]


def test_what_is_no_source_is_refused(tmp_path):
    with pytest.raises(WordbrushError, match="is missing"):
        reader_of(Source(tmp_path / "nowhere"), None)
    (tmp_path / "notes.json").write_text('{"data": 3}')
    for given in (tmp_path, tmp_path / "notes.json"):
        with pytest.raises(WordbrushError, match="is no source that can be read"):
            reader_of(Source(given), None)


@pytest.mark.parametrize(
    ("name", "split", "meaning"),
    [
        ("dev_unseen_2020.json", "dev_unseen", "validation"),
        ("SpokenCOCO_train_unrolled.json", "train", "train"),
        ("test-00000-of-00001.parquet", "test", "test"),
        ("validated.tsv", "", ""),
        ("testament.csv", "", ""),
        ("captions.csv", "", ""),
        ("val2014", "", "validation"),
        ("training", "training", "train"),
        ("restval", "restval", "train"),
    ],
)
def test_splits_by_name(name, split, meaning):
    assert split_of_name(name) == split
    assert known_split(split or Path(name).stem) == meaning
