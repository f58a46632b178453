"""Trainings with one augmentation each: what is compared, and the table that is printed."""

import json

import pytest
from experiments.augmentation import ALL, NONE, app, varied, written
from typer.testing import CliRunner

from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.errors import WordbrushError
from wordbrush.stages import synthesize_captions
from wordbrush.storage.layout import Layout

USED = {"tempo": 0.2, "noise": 0.5}


READ = ("samples", "generator", "segmenter", "real_pairs")


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """The drawings of a finished run, and no speech of them; two augmentations are turned on."""
    (tmp_path / "data").mkdir()
    for part in READ:
        (tmp_path / "data" / part).symlink_to(finished.root / "data" / part)
    path = tmp_path / "params.yaml"
    path.write_bytes((finished.root / "params.yaml").read_bytes())
    off = dict.fromkeys(parameters.load(path).davenet.augmentation.used, 0)
    captions = {"normalisation": "running", "range_db": 100.0}
    captions |= {"test_voices": ["pico/en-US"], "captions_per_engine": 2}
    presets.change(path, {"captions": captions, "davenet": {"augmentation": off | USED}})
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


def test_all_are_trained_and_measured(folder, monkeypatch):
    monkeypatch.setenv("WORDBRUSH_SPEECH", str(folder / "cache"))
    synthesize_captions.run(parameters.load(folder / "params.yaml"), Layout(folder))
    done = CliRunner().invoke(app, ["--trials", "1", "--output", "found.json"])
    assert done.exception is None, done.output
    results = json.loads((folder / "found.json").read_text())["results"]
    assert list(results) == [f"{name}, trial 0" for name in (NONE, *USED, ALL)]
    assert all(one.keys() == {"training", "held_out", "test"} for one in results.values())
    assert "gain, test |" in done.output
    assert sum(line.startswith("| ") for line in done.output.splitlines()) == 2 + len(results)


def test_a_folder_without_speech_is_one_sentence(folder):
    done = CliRunner().invoke(app, [])
    assert isinstance(done.exception, WordbrushError) and "dvc repro" in str(done.exception)
