"""Real processes and real signals.

A stage finishes its step, saves its state, says so, and exits with its own code.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.workspace import Workspace
from wordbrush.errors import EXIT_STOPPED

WORDBRUSH = str(Path(sys.executable).with_name("wordbrush"))
STAGE = ("pretrain-davenet", "--mining", "hard")
OUTPUT = "data/encoders/pretrain/hard"


@pytest.fixture
def unfinished(finished, tmp_path) -> Workspace:
    """The inputs of pretrain-davenet, with many steps and a checkpoint after every one."""
    workspace = Workspace(tmp_path / "work")
    shutil.copytree(finished.root, workspace.root)
    shutil.rmtree(workspace.root / OUTPUT)
    return workspace.every_step()


def start(
    workspace: Workspace, *before: str, stage: tuple[str, ...] = STAGE
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, WORDBRUSH, *stage],
        cwd=workspace.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for_checkpoint(workspace: Workspace) -> None:
    kept = workspace.root / ".wordbrush/checkpoints"
    limit = time.monotonic() + 60
    while not list(kept.glob("*/state-*")):
        assert time.monotonic() < limit, "no checkpoint within a minute"
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_keeps_the_state_and_the_next_run_goes_on(unfinished, finished, number):
    process = start(unfinished)
    wait_for_checkpoint(unfinished)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == EXIT_STOPPED, said
    assert (
        f"stopped by {number.name}; the next run goes on from step" in said
        and "Traceback" not in said
    )
    assert not (unfinished.root / OUTPUT).exists()
    again = unfinished.run("wordbrush", *STAGE)
    assert "resuming from step" in again.stderr
    for path in (finished.root / OUTPUT).iterdir():
        assert (unfinished.root / OUTPUT / path.name).read_bytes() == path.read_bytes()
    assert not list((unfinished.root / ".wordbrush/checkpoints").glob("*/*"))


def test_a_stage_without_checkpoints_stops_where_it_stands(unfinished, finished):
    shutil.rmtree(unfinished.root / "data/samples")
    process = start(unfinished, stage=("sample-images",))
    # once it loads torch, it handles signals
    while b"torch" not in Path(f"/proc/{process.pid}/maps").read_bytes():
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert (
        process.returncode == EXIT_STOPPED
        and "stopped by SIGTERM" in said
        and "Traceback" not in said
    )
    assert not (unfinished.root / "data/samples").exists()


def test_a_second_signal_exits_at_once():
    script = (
        "from wordbrush.training import signals; signals.install()\n"
        "with signals.finishing_steps():\n    print('up', flush=True)\n"
        "    while not signals.asked(): pass\n    print('asked', flush=True)\n"
        "    while True: pass"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "asked\n" and process.poll() is None
    process.send_signal(signal.SIGINT)
    # before the 14 seconds of grace after the first signal are over
    assert process.wait(timeout=10) == 128 + signal.SIGINT


def test_a_caller_that_dies_of_the_same_signal_is_no_second_one():
    """Argo signals the whole process group of a pod's command; the stage must still save."""
    script = (
        "import psutil; from wordbrush.training import signals; signals.install()\n"
        "caller = psutil.Process().parent()\n"
        "with signals.finishing_steps():\n"
        "    print('up', flush=True)\n"
        "    while signals.alive(caller): pass\n"
        "    signals.time.sleep(2 * signals.LOOK_SECONDS)\n"
        "    print('saved', flush=True)"
    )
    process = subprocess.Popen(
        ["sh", "-c", '"$0" -c "$1"; true', sys.executable, script],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "up\n"
    os.killpg(process.pid, signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert said == "saved\n" and process.returncode == -signal.SIGTERM


@pytest.mark.faults
def test_a_step_that_does_not_end_is_left_in_time():
    """Spot nodes give fifteen seconds; the last checkpoint is kept."""
    script = (
        "from wordbrush.training import signals; signals.install(); print('up', flush=True)\n"
        "with signals.finishing_steps():\n    while True: pass"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "up\n"
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == EXIT_STOPPED and "the last checkpoint is kept" in said


@pytest.mark.parametrize("killed", ["the shell", "the caller above it"])
def test_a_killed_caller_leaves_no_orphan(unfinished, killed):
    """caller (as dvc, make or kfp) -> shell -> stage."""
    caller = (
        sys.executable,
        "-c",
        f"import subprocess; subprocess.run('{WORDBRUSH} train-gan; true', shell=True)",
    )
    process = subprocess.Popen(
        caller, cwd=unfinished.root, start_new_session=True, stderr=subprocess.DEVNULL
    )
    limit = time.monotonic() + 60
    family: list[psutil.Process] = []
    while len(family) < 2 or not list(
        (unfinished.root / ".wordbrush/checkpoints").glob("*/state-*")
    ):
        assert time.monotonic() < limit
        family = psutil.Process(process.pid).children(recursive=True)
        time.sleep(0.01)
    shell, stage = family[0], family[-1]
    os.kill(shell.pid if killed == "the shell" else process.pid, signal.SIGKILL)
    gone, left = psutil.wait_procs([stage], timeout=15)
    assert gone and not left
    process.kill()
    process.wait()
