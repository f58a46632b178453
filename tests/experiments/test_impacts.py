"""Equal trainings from scratch, after impacts, and after shuffled ones; and their tables."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from experiments.trainings import trained
from typer.testing import CliRunner

from experiments import heads, impacts
from tests.stages.test_train_senses import CHANGES, KEPT, beside
from tests.stages.test_train_senses import drawn as drawn  # the fixture
from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import read_pairs
from wordbrush.errors import WordbrushError
from wordbrush.storage.yaml import merge

SHORT = {
    "davenet": {"batch_size": 4, "image_size": 32},
    "schedule": {"pretrain": {"steps": 2, "ramp_steps": 0, "locked_steps": 1}},
}


def write_params(folder: Path, **changes: object) -> None:
    """Those of the stage's own test, for trainings of three steps."""
    path = folder / "params.yaml"
    path.write_bytes((KEPT / "params.yaml").read_bytes())
    presets.change(path, merge(merge(CHANGES, SHORT), changes))


def test_fewer_captions_are_among_more():
    manifest = Manifest.one_to_one("noise", "en", train=64, validation=4, test=4)
    chosen = [set(impacts.fewer(manifest, part, 0).captions("train")) for part in impacts.PARTS]
    assert [len(one) for one in chosen] == [4, 8, 16, 32, 64]
    assert all(few < more for few, more in zip(chosen, chosen[1:], strict=False))
    left = impacts.fewer(manifest, 16, 0)
    assert len(left.captions("unheard")) == 60 and len(left.captions("test")) == 4
    assert np.array_equal(left.images, manifest.images)


def test_each_trial_draws_its_captions_and_its_control_anew(drawn, tmp_path):
    """Intervals over trials are also over which captions there are; the first is as ever."""
    write_params(tmp_path)
    params, pairs = parameters.load(tmp_path / "params.yaml"), read_pairs(drawn)
    few = [
        impacts.heard_later(params, pairs, 4, trial).manifest.captions("train").tolist()
        for trial in (0, 1, 1)
    ]
    assert few[0] == impacts.fewer(pairs.manifest, 4, params.seed).captions("train").tolist()
    assert few[0] != few[1] == few[2]
    shuffled = [
        impacts.heard_first(params, pairs, "shuffled", trial).manifest.images.tolist()
        for trial in (0, 1, 1)
    ]
    assert shuffled[0] == pairs.manifest.shuffled(params.seed).images.tolist()
    assert shuffled[0] != shuffled[1] == shuffled[2]
    assert impacts.heard_first(params, pairs, "true", 1) is pairs


def test_tables_have_means_over_trials():
    manifest = Manifest.one_to_one("noise", "en", train=32, test=20)
    parts = {f"1/{part}": [60.0, 62.0] for part in impacts.PARTS}
    results = {
        "scratch": parts,
        "true": {**parts, "impacts": [30.0, 32.0]},
        "shuffled": {**parts, "impacts": [50.0, 52.0]},
    }
    lines = impacts.written(results, manifest).splitlines()
    columns = " | ".join(f"{count} captions" for count in (2, 4, 8, 16, 32))
    assert lines[0] == f"| recall@10 | {columns} |"
    assert lines[2].startswith("| from scratch | 61.0 ± 12.7 |")
    assert lines[5] == f"| chance |{' 50.0 |' * 5}" and "31.0 ± 12.7 after impacts" in lines[-1]
    assert {line.count("|") for line in lines[:6]} == {7}


def test_captions_begin_with_the_weights_that_sounds_left(drawn, tmp_path):
    """Captions stand for impacts here, which are pairs as well."""
    write_params(tmp_path)
    params, pairs = parameters.load(tmp_path / "params.yaml"), read_pairs(drawn)
    assert impacts.begun(params, pairs, "scratch", 0) == (None, None)
    (true, heard), (shuffled, _) = (
        impacts.begun(params, pairs, start, 0) for start in ("true", "shuffled")
    )
    assert true is not None and shuffled is not None and heard == 100.0  # of six drawings
    after = [trained(params, pairs, 0, one).state_dict() for one in (None, true, true)]
    name = "image.layers.0.weight"
    assert not torch.equal(true[name], shuffled[name])
    assert torch.equal(after[1][name], after[2][name])
    assert not torch.equal(after[0][name], after[1][name])


@pytest.mark.parametrize("experiment", [impacts, heads])
def test_a_folder_without_drawings_is_one_sentence(tmp_path, monkeypatch, experiment):
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(experiment.app, [])
    assert isinstance(done.exception, WordbrushError) and "dvc repro" in str(done.exception)


def test_all_starts_are_trained_and_measured(drawn, tmp_path, monkeypatch):
    beside(drawn, tmp_path)
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(impacts.app, ["--trials", "2", "--output", "impacts.json"])
    assert done.exception is None, done.output
    kept = json.loads((tmp_path / "impacts.json").read_text())
    assert kept["about"]["command"].startswith("python -m experiments.impacts")
    parts = ["1/4", "1/2", "1/1"]  # of 12 captions
    names = {"scratch": parts, "true": ["impacts", *parts], "shuffled": ["impacts", *parts]}
    assert set(kept["results"]) == {
        f"{start}, trial {trial}, {name}"
        for start, wanted in names.items()
        for trial in (0, 1)
        for name in wanted
    }
    assert "| after impacts |" in done.output
    lost = ("true, trial 1, 1/1", "shuffled, trial 0, impacts")
    left = {name: value for name, value in kept["results"].items() if name not in lost}
    (tmp_path / "impacts.json").write_text(json.dumps({**kept, "results": left}))
    again = CliRunner().invoke(impacts.app, ["--trials", "2", "--output", "impacts.json"])
    assert json.loads((tmp_path / "impacts.json").read_text()) == kept
    assert again.output.splitlines()[-8:] == done.output.splitlines()[-8:]


def test_all_kinds_of_heads_are_trained_and_measured(drawn, tmp_path, monkeypatch):
    beside(drawn, tmp_path)
    write_params(tmp_path)
    monkeypatch.chdir(tmp_path)
    kinds = ["2 heads, untrained", "1 head", "2 heads", "2 heads, apart 0.05"]
    for arguments in (["--only", kinds[3]], []):
        options = ["--trials", "2", "--output", "heads.json", *arguments]
        done = CliRunner().invoke(heads.app, options)
        assert done.exception is None, done.output
    found = json.loads((tmp_path / "heads.json").read_text())["results"]
    assert set(found) == {f"{kind}, trial {trial}" for kind in kinds for trial in (0, 1)}
    assert found["1 head, trial 0"]["kinds"] is None
    assert len(found["2 heads, trial 0"]["kinds"]) == 4
    assert found["2 heads, trial 0"] != found["2 heads, apart 0.05, trial 0"]
    lines = done.output.splitlines()
    assert [line.split(" | ")[0] for line in lines[-4:]] == [f"| {kind}" for kind in kinds]
    assert lines[-3].endswith("| – | – | – | – |")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"similarity": "SIMA"}, r"davenet\.similarity .* is MISA"),
        ({"embedding": 33}, r"33, which cannot be divided among 2"),
    ],
)
def test_heads_that_could_not_compete_are_refused(drawn, tmp_path, monkeypatch, changes, told):
    beside(drawn, tmp_path)
    write_params(tmp_path, davenet=changes)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WordbrushError, match=told):
        CliRunner().invoke(heads.app, [], standalone_mode=False, catch_exceptions=False)


def test_several_audio_networks_are_refused(drawn, tmp_path, monkeypatch):
    beside(drawn, tmp_path)
    languages = {"languages": ["en", "de"], "voices": ["en-us", "de"]}
    languages |= {"held_out_voices": ["en-us+f2", "de+f2"]}
    edits = {name: {"edit_every": 3} for name in ("random_edits", "targeted_edits")}
    write_params(tmp_path, davenet={"languages": ["en", "de"]}, captions=languages, schedule=edits)
    monkeypatch.chdir(tmp_path)
    for experiment in (impacts, heads):
        done = CliRunner().invoke(experiment.app, [])
        assert isinstance(done.exception, WordbrushError), done.output
        assert "davenet.languages" in str(done.exception)
