"""Captions of edits against captions of other drawings: equal trainings, and what is read off."""

import json

import numpy as np
import pytest
from experiments.captions import app, reached, read_drawings, told, written
from experiments.trainings import hearing, shortened
from typer.testing import CliRunner

from tests.experiments.test_twins import LENIENT
from wordbrush import params as parameters
from wordbrush import presets
from wordbrush.data.manifest import Manifest
from wordbrush.errors import WordbrushError
from wordbrush.stages import speak_edits
from wordbrush.storage.layout import Layout


@pytest.fixture
def folder(finished, tmp_path, monkeypatch):
    """A run with twins of its drawings, as the working folder."""
    (tmp_path / "data").mkdir()
    for part in (finished.root / "data").iterdir():
        if part.name not in ("twins", "twin_speech"):
            (tmp_path / "data" / part.name).symlink_to(part)
    (tmp_path / "params.yaml").write_bytes((finished.root / "params.yaml").read_bytes())
    twins = {**LENIENT["twins"], "kind": "edited", "drawings": 16, "pairs_a_batch": 1}
    presets.change(tmp_path / "params.yaml", {**LENIENT, "twins": twins})
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_curve_is_read_between_its_points():
    totals = [100, 200, 400]
    assert reached(totals, [10.0, 20.0, 30.0], 20.0) == pytest.approx(200)
    assert reached(totals, [10.0, 20.0, 30.0], 25.0) == pytest.approx(np.sqrt(200 * 400))
    assert reached(totals, [10.0, 9.0, 30.0], 10.0) == pytest.approx(100)  # a fall is noise
    assert reached(totals, [10.0, 10.0, 10.0], 10.0) == pytest.approx(100)
    assert reached(totals, [10.0, 20.0, 30.0], 9.9) is None
    assert reached(totals, [10.0, 20.0, 30.0], 30.1) is None
    assert told([0.5, None]) == "0.50, –"


def test_training_hears_these_captions_alone():
    manifest = Manifest.one_to_one("noise", "en", train=6, validation=2, test=2)
    left = hearing(manifest, np.array([1, 4, 9]))
    assert left.captions("train").tolist() == [1, 4]
    assert left.captions("unheard").tolist() == [0, 2, 3, 5]
    assert left.captions("test").tolist() == [8, 9]


def test_trainings_differ_in_what_is_heard_beside_the_drawings(folder):
    params, layout = parameters.load(folder / "params.yaml"), Layout(folder)
    speak_edits.run(params, layout)
    drawings = read_drawings(params, layout)
    with_twins, alone = drawings.described(), drawings.beside(0, 0)
    own = set(drawings.twinned)
    assert set(with_twins.manifest.captions("train")) == own
    assert set(alone.manifest.captions("train")) == own
    assert with_twins.twins is not None and alone.twins is None
    few, more = (set(drawings.beside(count, 0).manifest.captions("train")) for count in (3, 5))
    assert own < few < more and len(few) == len(own) + 3
    assert set(drawings.beside(3, 1).manifest.captions("train")) != few
    counts = drawings.counts()
    assert counts[0] == 0 and counts == sorted(counts) and counts[-1] <= len(drawings.others)
    lines = written(drawings, [20.0], {0: [10.0], drawings.twins: [20.0]}).splitlines()
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert lines[-1].endswith("as a share of these: 1.00.")


def test_all_are_trained_and_measured(folder):
    params = shortened(parameters.load(folder / "params.yaml"), 0.1)
    presets.change(
        folder / "params.yaml",
        {"schedule": {"pretrain": {"steps": params.schedule.pretrain.steps, "locked_steps": 1}}},
    )
    speak_edits.run(parameters.load(folder / "params.yaml"), Layout(folder))
    done = CliRunner().invoke(app, ["--trials", "2", "--output", "captions.json"])
    assert done.exception is None, done.output
    results = json.loads((folder / "captions.json").read_text())["results"]
    assert {"twins, trial 1", "0 others, trial 0"} <= results.keys()
    assert "of their edits, twins" in done.output and "as a share of these" in done.output


def test_a_folder_without_twins_is_one_sentence(folder):
    presets.change(folder / "params.yaml", {"twins": {"kind": "none"}})
    done = CliRunner().invoke(app, [])
    assert isinstance(done.exception, WordbrushError) and "speak-edits" in str(done.exception)
