"""A run in two languages by KFP's local runner, on `tiny`."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.kfp_server import Compiled
from tests.workspace import Workspace, environment
from wordbrush import presets
from wordbrush.storage.yaml import read_yaml

CHANGES = {
    "captions": {
        "languages": ["en", "de"],
        "voices": ["en-us", "en", "de", "de+f1"],
        "held_out_voices": ["en-us+f2", "de+f3"],
    },
    "davenet": {"languages": ["en", "de"]},
    "schedule": {"random_edits": {"edit_every": 3}, "targeted_edits": {"edit_every": 3}},
}

pytestmark = pytest.mark.runs


def test_two_languages_are_learned_by_the_local_runner(tmp_path):
    workspace = Workspace.create(tmp_path / "project", ROOT)
    for name in ("components", "k8s"):
        shutil.copytree(ROOT / name, workspace.root / name)
    shutil.copy(ROOT / "pipeline.py", workspace.root)
    presets.change(workspace.root / "params.yaml", CHANGES)
    variables = environment(
        PYTHONPATH=os.pathsep.join([str(workspace.root), str(ROOT / "src")]),
        WORDBRUSH_CACHE=str(tmp_path / "cache"),
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
    told = made["pretrain-davenet@hard"]["params"]["params.yaml"]["davenet"]
    assert told["languages"] == ["en", "de"]
