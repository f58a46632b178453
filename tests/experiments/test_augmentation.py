"""Trainings with one augmentation each: what is compared, and the table that is printed."""

import json

import pytest
from experiments.augmentation import ALL, NONE, app, varied, written
from typer.testing import CliRunner

from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.errors import WordbrushError

USED = {"tempo": 0.2, "noise": 0.5}


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A finished run, with these augmentations alone."""
    (tmp_path / "data").symlink_to(finished.root / "data")
    (tmp_path / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    path = tmp_path / "params.yaml"
    off = dict.fromkeys(parameters.load(path).davenet.augmentation.used, 0)
    presets.change(path, {"davenet": {"augmentation": {**off, **USED}}})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_stands_alone_beside_none_and_all(tiny):
    whole = tiny.davenet.augmentation
    off = whole.model_copy(update=dict.fromkeys(whole.used, 0))
    found = varied(off.model_copy(update=USED))
    assert {name: one.used for name, one in found.items()} == {
        NONE: [],
        "tempo": ["tempo"],
        "noise": ["noise"],
        ALL: ["tempo", "noise"],
    }
    assert found["noise"].noise == 0.5 and found["noise"].noise_snr_db == whole.noise_snr_db
    with pytest.raises(WordbrushError, match=r"nothing of davenet\.augmentation is turned on"):
        varied(off)


def test_gains_are_those_of_the_same_trial_on_the_validation_engine():
    without = [{"held_out": 80.0, "validation": 60.0, "test": 50.0}] * 2
    better = [{**without[0], "validation": 61.0}, {**without[0], "validation": 63.0}]
    header, _, none, tempo = written({NONE: without, "tempo": better}).splitlines()
    assert header == "| semantic mean, % | held_out | validation | test | gain, validation |"
    assert none.endswith("| 60.0 ± 0.0 | 50.0 ± 0.0 | +0.0 ± 0.0 |")
    assert tempo.endswith("| 62.0 ± 12.7 | 50.0 ± 0.0 | +2.0 ± 12.7 |")


def test_all_are_trained_and_measured(folder):
    done = CliRunner().invoke(app, ["--trials", "1", "--output", "found.json"])
    assert done.exception is None, done.output
    results = json.loads((folder / "found.json").read_text())["results"]
    assert list(results) == [f"{name}, trial 0" for name in (NONE, *USED, ALL)]
    assert all(0 <= one["held_out"] <= 100 for one in results.values())
    assert len(done.output.splitlines()) == 2 + len(results)


def test_a_folder_without_groups_is_one_sentence(folder, finished):
    (folder / "data").unlink()
    (folder / "data").mkdir()
    for part in (finished.root / "data").iterdir():
        if part.name != "test_speech":
            (folder / "data" / part.name).symlink_to(part)
    done = CliRunner().invoke(app, [])
    assert isinstance(done.exception, WordbrushError) and "dvc repro" in str(done.exception)
