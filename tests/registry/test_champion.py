"""`wordbrush champion`: the best model so far, from a folder and a bucket."""

import json
from pathlib import Path

import pytest

from tests.test_cli import one_sentence, wordbrush
from wordbrush.errors import WordbrushError
from wordbrush.registry.champion import show_champion
from wordbrush.registry.store import Registry, open_registry
from wordbrush.scenes.world import ATTRIBUTES

METRICS = {
    "random_edits": {
        "semantic": {"shape": 50.0, "material": 51.0, "color": 90.0, "size": 77.7, "mean": 67.2},
        "recall": {"1": 10.0, "5": 30.0, "10": 43.4},
        "median_rank": 12,
        "real_images": 71.8,
        "edit_success": 86.3,
        "intervals": {
            "semantic": {name: {"low": 1.0, "high": 99.0} for name in ATTRIBUTES},
            "recall_10": {"low": 40.0, "high": 50.0},
            "real_images": {"low": 60.0, "high": 80.0},
        },
    }
}


@pytest.fixture(params=["folder", "bucket"])
def location(request, tmp_path, monkeypatch) -> str:
    if request.param == "folder":
        return str(tmp_path / "registry")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", request.getfixturevalue("bucket_server"))
    return f"gs://wordbrush/{tmp_path.name}"


def promote(location: str, folder: Path) -> Registry:
    folder.mkdir()
    (folder / "card.md").write_text("# Wordbrush one\n")
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    (folder / "encoders.safetensors").write_bytes(bytes(range(256)))
    registry = open_registry(location)
    registry.promote("one", folder, registry.champion())
    return registry


def test_it_is_shown_and_fetched(location, tmp_path, monkeypatch, capsys):
    promote(location, tmp_path / "model")
    show_champion(location)
    assert not (tmp_path / "out").exists()
    monkeypatch.setenv("WORDBRUSH_REGISTRY", location)
    show_champion(None, tmp_path / "out")
    said = capsys.readouterr().out
    assert (
        said.count(f"{location}: one") == 2
        and "# Wordbrush one" in said
        and "43.4" in said
        and "77.7" in said
    )
    for path in (tmp_path / "model").iterdir():
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()


def test_damage_leaves_no_folder(location, tmp_path):
    promote(location, tmp_path / "model").store.write("versions/one/encoders.safetensors", b"other")
    with pytest.raises(WordbrushError, match="another content than was promoted"):
        show_champion(location, tmp_path / "out")
    assert not list(tmp_path.glob("*out*"))


def test_what_is_there_is_never_replaced(location, tmp_path):
    promote(location, tmp_path / "model")
    with pytest.raises(WordbrushError, match="is there already"):
        show_champion(location, tmp_path / "model")


def test_faults_are_one_sentence(tmp_path):
    assert "has no champion yet" in one_sentence(
        wordbrush("champion", "--registry", "nowhere", cwd=tmp_path)
    )
    with pytest.raises(WordbrushError, match="WORDBRUSH_REGISTRY is not set"):
        show_champion(None)


def test_a_bucket_that_is_not_there_is_named(bucket_server, monkeypatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", bucket_server)
    with pytest.raises(WordbrushError, match="answered 404: there is no such bucket"):
        show_champion("gs://nowhere/registry")
