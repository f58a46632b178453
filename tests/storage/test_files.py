"""Outputs appear whole or not at all; damaged inputs are named."""

import csv
import json
import pickle

import numpy as np
import pytest

from wordbrush.errors import FileFault, WordbrushError, advising
from wordbrush.storage.files import (
    open_array,
    read_json,
    whole_directory,
    whole_file,
    write_csv,
    write_json,
)


def test_a_failing_writer_leaves_what_was_there(tmp_path):
    folder = tmp_path / "out"
    with whole_directory(folder) as scratch:
        (scratch / "old").write_text("old")
    with pytest.raises(RuntimeError), whole_directory(folder) as scratch:
        (scratch / "new").write_text("half")
        raise RuntimeError
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failing_file_writer_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), whole_file(tmp_path / "x") as scratch:
        scratch.write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_json_round_trip_and_nan(tmp_path):
    write_json(tmp_path / "a.json", {"ä": [1, 2.5]})
    assert read_json(tmp_path / "a.json", dict[str, list[float]]) == {"ä": [1, 2.5]}
    with pytest.raises(ValueError):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()
    (tmp_path / "c.json").write_text('{"a": ')
    with pytest.raises(WordbrushError, match=r"c\.json is not readable JSON"):
        read_json(tmp_path / "c.json", dict[str, int])


def test_json_may_begin_with_a_byte_order_mark(tmp_path):
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "a.json", dict[str, int]) == {"a": 1}


def test_a_pointer_of_git_lfs_is_named(tmp_path):
    (tmp_path / "a.json").write_text("version https://git-lfs.github.com/spec/v1\nsize 9\n")
    with pytest.raises(WordbrushError, match=r"a\.json is a pointer of Git LFS.* git lfs pull"):
        read_json(tmp_path / "a.json", dict[str, int])


def test_who_knows_whose_file_it_is_gives_the_advice(tmp_path):
    (tmp_path / "a.json").write_text("{")
    for name, fault in (("a.json", "is not readable JSON"), ("b.json", "is missing")):
        with pytest.raises(FileFault, match=f"{fault}.*dvc repro"):
            read_json(tmp_path / name, dict[str, int])
        with pytest.raises(FileFault, match=fault) as found, advising("Ask its owner."):
            read_json(tmp_path / name, dict[str, int])
        assert str(found.value).endswith(". Ask its owner.") and "dvc" not in str(found.value)
        again = pickle.loads(pickle.dumps(found.value))  # as from another process
        assert str(again) == str(found.value)


def test_csv_has_a_header_and_short_floats(tmp_path):
    write_csv(tmp_path / "t.csv", ["step", "loss"], [(1, 0.123456789), (2, 1.0)])
    assert (tmp_path / "t.csv").read_text() == "step,loss\n1,0.123457\n2,1\n"


def test_csv_quotes_what_would_be_another_cell(tmp_path):
    rows = [("a, b", 'say "red"'), ("two\nlines", None)]
    write_csv(tmp_path / "t.csv", ["one", "two"], rows)
    assert (tmp_path / "t.csv").read_bytes().startswith(b'one,two\n"a, b","say ""red"""\n')
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [["one", "two"], *([str(c) for c in row] for row in rows)]


def test_arrays_are_checked_before_use(tmp_path):
    path = tmp_path / "images.npy"
    np.save(path, np.zeros((4, 8, 8, 3), np.uint8))
    assert isinstance(open_array(path, "uint8", (None, 8, 8, 3)).base, np.memmap)
    with pytest.raises(
        WordbrushError, match=r"images\.npy holds uint8 \[4, 8, 8, 3\], but float32 any×8×8×3"
    ):
        open_array(path, "float32", (None, 8, 8, 3))
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(WordbrushError, match=r"images\.npy is not a readable array"):
        open_array(path, "uint8", (None, 8, 8, 3))
    np.save(path, np.array([{"a": 1}]), allow_pickle=True)
    with pytest.raises(WordbrushError, match=r"images\.npy is not a readable array"):
        open_array(path, "uint8", (None,))
    np.save(path, np.zeros((0, 8), np.uint8))
    with pytest.raises(WordbrushError, match="empty"):
        open_array(path, "uint8", (None, 8))
    with pytest.raises(WordbrushError, match=r"gone\.npy is missing"):
        open_array(tmp_path / "gone.npy", "uint8", (None,))


def test_numbers_in_json_stay_exact(tmp_path):
    write_json(tmp_path / "n.json", {"x": 0.1 + 0.2})
    assert json.loads((tmp_path / "n.json").read_text())["x"] == 0.1 + 0.2
