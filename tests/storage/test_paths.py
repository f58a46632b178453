"""Paths and names as people write them: a file that is found again, or one sentence."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_text, whole_directory, whole_file
from wordbrush.storage.paths import given_address, given_path

PLACES = st.one_of(
    st.text(max_size=12),
    st.binary(max_size=12).map(os.fsdecode),  # as an argument of a process
    st.text("~./ :é\n\t'\"#%{}", max_size=8),
    st.integers(200, 6000).map("x".__mul__),
    st.text("a/%.~ ", max_size=8).map("file://".__add__),
)


def sentence(error: WordbrushError) -> str:
    text = str(error)
    assert text.endswith(".") and "\n" not in text and "Errno" not in text
    return text


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("store", "store"),
        ("store/", "store"),
        ("~/store", "{home}/store"),
        ("a/~", "a/~"),
        ("file:///a%20b/c", "/a b/c"),
        ("file://localhost/a", "/a"),
        ("ünï/côdé", "ünï/côdé"),
        (Path("x/y"), "x/y"),
    ],
)
def test_a_path_is_what_a_shell_would_make_of_it(text, path, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert given_path(text) == Path(path.format(home=tmp_path))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "'' is no path"),
        (" \t", "is no path"),
        (" store", "begins or ends with white space"),
        ("gs://b/x\n", "begins or ends with white space"),
        ("a\nb", "has a control character"),
        ("a\0b", "has a control character"),
        ("file:///a%00b", "has a control character"),
        ("file://other/x", "is no file on this machine"),
        ("file://", "is no file on this machine"),
        ("~nobody-has-this-name/x", "the home folder of that user is not known"),
        ("gs://bucket/x", "is an address"),
    ],
)
def test_what_is_no_path_is_named(text, words):
    with pytest.raises(WordbrushError, match=words) as caught:
        given_path(text)
    sentence(caught.value)


def test_addresses_of_buckets_stay_as_they_are(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert given_address("gs://bucket/a b") == "gs://bucket/a b"
    assert given_address("file:///store/") == "/store"
    assert given_address("~/store") == "/home/me/store"


@settings(derandomize=True, deadline=None, max_examples=150)
@given(PLACES)
def test_any_text_is_a_file_that_is_found_again_or_one_sentence(tmp_path_factory, text):
    folder = tmp_path_factory.mktemp("any")
    try:
        named = given_path(text)
        if named.is_absolute() or ".." in named.parts:
            return  # a good path, but not one that a test should write to
        with whole_file(folder / named) as scratch:
            scratch.write_text("ä", encoding="utf-8")
        assert read_text(folder / named, "") == "ä"
    except WordbrushError as error:
        text = sentence(error)
        assert not any(unicodedata.category(one) == "Cc" for one in text)
        left = [path for path in folder.rglob("*") if path.is_file()]
        assert left == []


@pytest.mark.parametrize("place", ["/proc/x.yaml", "/proc/version/x", "/dev/null/x", "x" * 300])
def test_a_place_that_takes_no_file_is_refused_before_the_work(place):
    for whole in (whole_file, whole_directory):
        with pytest.raises(WordbrushError, match="cannot be written") as caught, whole(Path(place)):
            raise AssertionError("the work began")
        sentence(caught.value)


def test_outputs_replace_only_their_like(tmp_path):
    (tmp_path / "folder/inner").mkdir(parents=True)
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to("folder")
    with (
        pytest.raises(WordbrushError, match="folder cannot be written: is a directory"),
        whole_file(tmp_path / "folder"),
    ):
        raise AssertionError("the work began")
    for name, kind in (("file", "a file"), ("link", "a symbolic link")):
        with (
            pytest.raises(WordbrushError, match=f"{name} is {kind}, and must be a folder"),
            whole_directory(tmp_path / name),
        ):
            raise AssertionError("the work began")
    assert (tmp_path / "file").read_text() == "kept" and (tmp_path / "folder/inner").is_dir()


def test_a_fault_of_another_file_is_not_said_to_be_one_of_the_output(tmp_path):
    with pytest.raises(FileNotFoundError, match="input"), whole_directory(tmp_path / "out"):
        (tmp_path / "input").read_text()


def test_what_is_no_text_file_is_named(tmp_path):
    """A pipe would otherwise wait for a writer."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "binary").write_bytes(b"a\xff")
    (tmp_path / "marked").write_bytes("\ufeffa".encode())
    assert read_text(tmp_path / "marked", "") == "a"
    for name, words in {
        "folder": "is a folder, and must be a file",
        "pipe": "is a device or a pipe",
        "binary": r"is not text in UTF-8 \(invalid start byte at byte 1\)",
        "gone": "gone is missing. Look elsewhere.",
        "x" * 300: "file name too long",
        "binary/x": "is missing|not a directory",
    }.items():
        with pytest.raises(WordbrushError, match=words) as caught:
            read_text(tmp_path / name, "Look elsewhere.")
        sentence(caught.value)
