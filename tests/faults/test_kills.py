"""A run that is killed at any time resumes, and writes the bytes of a run that was not killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.workspace import Workspace, environment

pytestmark = pytest.mark.faults
KILLS = 20
LONGER = 8  # so that a random time often lies within a training
WORDBRUSH = str(Path(sys.executable).with_name("wordbrush"))
STAGE, OUTPUT = ("pretrain-davenet", "--mining", "hard"), "data/encoders/pretrain/hard"


def test_the_whole_group_is_killed_at_random_moments(tmp_path):
    """Runs until there were enough kills."""
    chance, killed, resumed, runs = random.Random(1), 0, 0, 0
    undisturbed = Workspace.create(tmp_path / "undisturbed", Path.cwd()).longer(LONGER)
    undisturbed.run("dvc", "repro")
    while killed < KILLS:
        workspace = Workspace.create(tmp_path / str(runs), Path.cwd()).every_step().longer(LONGER)
        runs, done = runs + 1, False
        while not done:
            process = subprocess.Popen(
                ["dvc", "repro"],
                cwd=workspace.root,
                env=environment(),
                text=True,
                start_new_session=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            try:
                said, _ = process.communicate(
                    timeout=chance.uniform(4, 16) if killed < KILLS else None
                )
                assert process.returncode == 0, said
                done = True
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                said, _ = process.communicate()
                killed += 1
            resumed += said.count("resuming from")
            assert "Traceback" not in said, said
        assert workspace.hashes() == undisturbed.hashes()
    print(
        f"\nkilled {killed} times in {runs} runs; {resumed} times a stage went on from a checkpoint"
    )
    assert resumed


@pytest.mark.parametrize(
    ("when", "patch"),
    [
        ("while a checkpoint is written", "os.fsync = lambda _: os.kill(os.getpid(), 9)"),
        ("before its rename", "os.replace = lambda a, b: os.kill(os.getpid(), 9)"),
        (
            "after its rename",
            "real = os.replace; os.replace = lambda a, b: (real(a, b), os.kill(os.getpid(), 9))",
        ),
    ],
)
def test_killed_at_a_checkpoint(finished, tmp_path, when, patch):
    """The process is killed at its fourth checkpoint."""
    shutil.copytree(finished.root, tmp_path / "work")
    workspace = Workspace(tmp_path / "work").every_step()
    shutil.rmtree(workspace.root / OUTPUT)
    script = (
        f"import os, sys, itertools\n"
        f"from wordbrush.storage.folders import FolderStore\nfrom wordbrush import cli\n"
        f"count, exchange = itertools.count(1), FolderStore.exchange\n"
        f"def fourth(self, name, data, before):\n    if next(count) == 4:\n        {patch}\n"
        f"    exchange(self, name, data, before)\n"
        f"FolderStore.exchange = fourth\nsys.argv = ['wordbrush', *{STAGE!r}]\ncli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=workspace.root, capture_output=True, text=True
    )
    assert done.returncode == -signal.SIGKILL, (when, done.stderr)
    again = workspace.run("wordbrush", *STAGE)
    assert "resuming from step" in again.stderr
    for path in (finished.root / OUTPUT).iterdir():
        assert (workspace.root / OUTPUT / path.name).read_bytes() == path.read_bytes()


def test_killed_while_pushing(finished, tmp_path):
    """An incomplete `dvc push` is completed by the next run, which executes nothing."""
    from wordbrush.versioning.environment import RemoteConfig
    from wordbrush.versioning.keys import stage_keys
    from wordbrush.versioning.records import lost
    from wordbrush.versioning.workspace import scratch_workspace

    params, remote = (finished.root / "params.yaml").read_text(), tmp_path / "remote"
    script = (
        "from pathlib import Path\nfrom wordbrush.versioning.runs import run_stage\n"
        "with run_stage('render-scenes', Path('params.yaml').read_text(), []): pass"
    )
    variables = environment(
        WORDBRUSH_WORK=str(tmp_path),
        WORDBRUSH_REMOTE=str(remote),
        WORDBRUSH_CACHE=str(tmp_path / "cache"),
    )
    killed = 0
    for objects in (1, 2, 3, 4):
        shutil.rmtree(remote, ignore_errors=True)
        process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=finished.root,
            env=variables,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while (
            process.poll() is None
            and len([one for one in remote.rglob("*") if one.is_file()]) < objects
        ):
            time.sleep(0.001)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.wait()
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=finished.root,
            env=variables,
            check=True,
            capture_output=True,
        )
        with scratch_workspace(finished.root, params, RemoteConfig(str(remote))) as repo:
            assert lost(repo, {"render-scenes": stage_keys(repo)["render-scenes"]}) == []
    print(f"\nkilled {killed} times while pushing")
    assert killed >= 2
