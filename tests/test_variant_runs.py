"""Runs with languages, codebooks and three senses, by KFP's local runner, on `tiny`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.kfp_server import Compiled
from tests.workspace import Workspace, environment
from wordbrush import presets
from wordbrush.storage.yaml import read_yaml

LANGUAGES = {
    "captions": {
        "languages": ["en", "de"],
        "voices": ["en-us", "en", "de", "de+f1"],
        "held_out_voices": ["en-us+f2", "de+f3"],
    },
    "davenet": {"languages": ["en", "de"]},
    "schedule": {"random_edits": {"edit_every": 3}, "targeted_edits": {"edit_every": 3}},
    "senses": {"loss": "ranking", "sound": "speech"},
}

CODEBOOKS = {
    "davenet": {
        "audio_network": "resdavenet",
        "audio_stages": {"channels": [8, 8], "blocks": 1, "width": 3},
        "image_network": "resnet",
        "image_stages": {"stem": 1, "channels": [4, 4], "blocks": [1, 1]},
        "quantisers": [
            {"layer": 2, "codes": 4, "from_step": 0},
            {"layer": 3, "codes": 4, "from_step": 3},
        ],
    },
    "senses": {"loss": "both", "sound": "impacts"},
}

pytestmark = pytest.mark.runs


def run_by_the_local_runner(folder: Path, changes: dict) -> tuple[dict, Path]:
    """All stages of `tiny` with these changes: their entries in the lock, and their outputs."""
    workspace = Workspace.create(folder / "project", ROOT)
    for name in ("components", "k8s"):
        shutil.copytree(ROOT / name, workspace.root / name)
    shutil.copy(ROOT / "pipeline.py", workspace.root)
    presets.change(workspace.root / "params.yaml", changes)
    variables = environment(
        PYTHONPATH=os.pathsep.join([str(workspace.root), str(ROOT / "src")]),
        WORDBRUSH_CACHE=str(folder / "cache"),
    )
    done = subprocess.run(
        [sys.executable, "pipeline.py", "run"],
        cwd=workspace.root,
        text=True,
        capture_output=True,
        env=variables,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    compiled = Compiled.read(workspace.root / ".wordbrush/kfp/pipeline.yaml")
    made = read_yaml(workspace.root / ".wordbrush/kfp/dvc.lock")["stages"]
    assert set(compiled.tasks) == set(made) and len(made) == 17
    (outputs,) = (workspace.root / ".wordbrush/kfp/outputs").glob("wordbrush-*")
    return made, outputs


def told(made: dict) -> dict:
    """What a training was told of davenet."""
    return made["pretrain-davenet@hard"]["params"]["params.yaml"]["davenet"]


def aligned(outputs: Path) -> list[str]:
    """The scalars of train-senses: none of it where no loss asks for it."""
    assert "Median rank" in (outputs / "train-senses/page").read_text()
    return list(json.loads((outputs / "train-senses/scalars").read_text()))


def test_two_languages_and_senses_are_learned_by_the_local_runner(tmp_path):
    made, outputs = run_by_the_local_runner(tmp_path, LANGUAGES)
    assert told(made)["languages"] == ["en", "de"]
    assert any("text to sound" in name for name in aligned(outputs))


def test_codebooks_and_senses_of_impacts_are_learned_by_the_local_runner(tmp_path):
    made, outputs = run_by_the_local_runner(tmp_path, CODEBOOKS)
    assert [one["layer"] for one in told(made)["quantisers"]] == [2, 3]
    scalars = json.loads((outputs / "evaluate/scalars").read_text())
    assert any(name.startswith("units.") or ".units." in name for name in scalars)
    report = (outputs / "report/page").read_text()
    assert "perplexity" in report and "objects that are struck" in report
    assert any("unheard" in name for name in aligned(outputs))
