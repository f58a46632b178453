"""Locks are read and merged, or refused with the reason."""

from pathlib import Path

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.versioning.locks import merge_locks, read_lock

LOCK = "schema: '2.0'\nstages:\n  one:\n    cmd: echo\n    outs:\n    - path: a\n      md5: {md5}\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_locks_merge(tmp_path):
    first = write(tmp_path / "1", LOCK.format(md5="x"))
    second = write(tmp_path / "2", LOCK.format(md5="x").replace("one", "two"))
    assert list(merge_locks([first, second, first])["stages"]) == ["one", "two"]


def test_locks_that_disagree_name_the_stage_and_the_field(tmp_path):
    with pytest.raises(WordbrushError, match=r"disagree about the stage one \(outs\)"):
        merge_locks(
            [
                write(tmp_path / "1", LOCK.format(md5="x")),
                write(tmp_path / "2", LOCK.format(md5="y")),
            ]
        )


@pytest.mark.parametrize("text", ["stages: [", "- 1", "schema: '1.0'\nstages: {}\n", ""])
def test_what_is_no_lock_is_named(tmp_path, text):
    with pytest.raises(WordbrushError, match=r"dvc\.lock"):
        merge_locks([write(tmp_path / "broken", text)])
    with pytest.raises(WordbrushError, match="is missing"):
        merge_locks([tmp_path / "nowhere"])


def test_a_lock_that_leaves_the_folder_is_refused(tmp_path):
    with pytest.raises(WordbrushError, match="outside"):
        read_lock(write(tmp_path / "lock", LOCK.format(md5="x").replace("path: a", "path: ../a")))
    with pytest.raises(WordbrushError, match=r"is not a dvc\.lock"):
        read_lock(write(tmp_path / "lock", "schema: '2.0'\nstages: {one: 3}\n"))
