"""Every stage on a full disk, or in a folder that cannot be written.

It ends with one sentence, and each output is complete or absent.
"""

import ctypes
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.stages import OUTPUTS, WITH_MINING, files
from tests.workspace import Workspace

# capability.h, prctl.h: this capability lets root write where the permissions forbid it.
CAP_DAC_OVERRIDE, PR_CAPBSET_DROP = 1, 24
STAGES = [
    pytest.param(stage, marks=[] if stage == "train_segmenter" else pytest.mark.faults)
    for stage in OUTPUTS
]


@pytest.fixture
def workspace(finished, tmp_path) -> Workspace:
    shutil.copytree(finished.root, tmp_path / "work")
    return Workspace(tmp_path / "work")


def run_stage(
    workspace: Workspace, stage: str, before: Callable[[], None]
) -> subprocess.CompletedProcess[str]:
    """The stage as its own process; `before` sets its limits."""
    mining = ["--mining", "hard"] if stage in WITH_MINING else []
    return subprocess.run(
        [str(Path(sys.executable).with_name("wordbrush")), stage.replace("_", "-"), *mining],
        cwd=workspace.root,
        text=True,
        capture_output=True,
        preexec_fn=before,
        timeout=300,
    )


def outputs(workspace: Workspace, stage: str) -> dict[str, dict[str, bytes]]:
    return {
        name: files(workspace.root / name)
        for name in OUTPUTS[stage]
        if (workspace.root / name).exists()
    }


def require_a_sentence(
    workspace: Workspace, stage: str, before: dict, done: subprocess.CompletedProcess[str]
) -> None:
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr, done.stderr
    assert last.startswith("wordbrush: ") and "cannot be written" in last, last
    for name, written in outputs(workspace, stage).items():
        assert name not in before or written == before[name] or set(written) == set(before[name]), (
            name
        )
    assert not list(workspace.root.rglob("*.partial"))


@pytest.mark.parametrize("room", [0, 0.5])
@pytest.mark.parametrize("stage", STAGES)
def test_a_full_disk(workspace, stage, room):
    """Files may have a hundred bytes, or half the size of the stage's largest file."""
    before = outputs(workspace, stage)
    limit = max(
        100,
        int(room * max(len(content) for folder in before.values() for content in folder.values())),
    )
    done = run_stage(
        workspace, stage, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    )
    require_a_sentence(workspace, stage, before, done)


@pytest.mark.parametrize("stage", STAGES)
def test_a_folder_that_cannot_be_written(workspace, stage):
    before = outputs(workspace, stage)
    for name in OUTPUTS[stage]:
        (workspace.root / name).parent.chmod(0o555)
    done = run_stage(
        workspace,
        stage,
        lambda: ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0),
    )
    for name in OUTPUTS[stage]:
        (workspace.root / name).parent.chmod(0o755)
    require_a_sentence(workspace, stage, before, done)
    assert outputs(workspace, stage) == before
