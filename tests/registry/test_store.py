"""Champions in a folder and in a bucket (an emulator): complete, and never partly promoted."""

import json

import pytest

from wordbrush.errors import WordbrushError
from wordbrush.registry.store import open_registry


@pytest.fixture(params=["folder", "bucket"])
def registry(request, tmp_path, monkeypatch):
    if request.param == "folder":
        return open_registry(str(tmp_path / "registry"))
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("bucket_server"))
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "test")
    return open_registry(f"gs://wordbrush/{tmp_path.name}")


def model(folder, text: str):
    folder.mkdir()
    (folder / "encoders.safetensors").write_bytes(text.encode())
    (folder / "card.md").write_text(text)
    return folder


def test_the_first_champion_and_its_successor(registry, tmp_path):
    assert registry.champion() is None
    registry.promote("one", model(tmp_path / "a", "first"), None)
    registry.promote("two", model(tmp_path / "b", "second"), "one")
    assert registry.champion() == "two"
    for version, text in (("one", "first"), ("two", "second")):
        (tmp_path / version).mkdir()
        registry.fetch(version, tmp_path / version)
        assert sorted(path.name for path in (tmp_path / version).iterdir()) == [
            "card.md",
            "encoders.safetensors",
        ]
        assert (tmp_path / version / "card.md").read_text() == text


def test_a_champion_that_changed_meanwhile_stays(registry, tmp_path):
    registry.promote("one", model(tmp_path / "a", "first"), None)
    with pytest.raises(WordbrushError, match="the champion changed"):
        registry.promote("two", model(tmp_path / "b", "second"), None)
    assert registry.champion() == "one"


def test_a_champion_without_files_is_named(registry, tmp_path):
    with pytest.raises(WordbrushError, match="names that version"):
        registry.fetch("never", tmp_path)


def test_rejections_are_counted_and_a_damaged_count_begins_anew(registry):
    assert registry.rejections() == 0
    registry.note_rejections(3)
    assert registry.rejections() == 3
    registry.store.write("rejections.json", b'{"in_a_row": "three"}')
    assert registry.rejections() == 0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("encoders.safetensors", b"other", "another content than was promoted"),
        ("card.md", None, "card.md is missing"),
        ("files.json", b"{", "is not readable JSON"),
        ("files.json", b'{"../x": "%s"}' % (b"0" * 64), "files.json: "),
        ("files.json", b'{"card.md": "1"}', "files.json: "),
    ],
)
def test_damage_is_found_by_the_hashes(registry, tmp_path, name, content, words):
    registry.promote("one", model(tmp_path / "a", "first"), None)
    if content is None:
        registry.store.delete(f"versions/one/{name}")
    else:
        registry.store.write(f"versions/one/{name}", content)
    (tmp_path / "out").mkdir()
    with pytest.raises(WordbrushError, match=words) as found:
        registry.fetch("one", tmp_path / "out")
    assert str(found.value).endswith(
        "Bring it back from a copy, or delete champion.json, and the next run is promoted."
    )


@pytest.mark.parametrize("location", ["gs://", "ftp://host/x"])
def test_other_locations_are_refused(location):
    with pytest.raises(WordbrushError, match="gs://"):
        open_registry(location)


def test_the_pointer_is_readable_by_people(tmp_path):
    registry = open_registry(str(tmp_path / "registry"))
    registry.promote("one", model(tmp_path / "a", "first"), None)
    assert json.loads((tmp_path / "registry/champion.json").read_text()) == {
        "version": "one",
        "before": None,
    }
