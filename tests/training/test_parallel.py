"""Two processes, started by torchrun and by the stage itself.

They train as one process does, resume exactly, and leave no process behind.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from tests.training import trainings
from tests.workspace import Workspace, environment
from wordbrush.errors import EXIT_STOPPED, WordbrushError
from wordbrush.process import is_main
from wordbrush.storage.layout import PARAMS
from wordbrush.training import launch, parallel

TORCHRUN = (
    sys.executable,
    "-m",
    "torch.distributed.run",
    "--standalone",
    "--nproc-per-node",
    "2",
    "--log-dir",
)
WORDBRUSH = str(Path(sys.executable).with_name("wordbrush"))
STAGE, OUTPUT = ("random-edits", "--mining", "hard"), "data/encoders/random-edits/hard"
NAMES = [
    *(f"GAN, {name}" for name in trainings.GANS),
    "segmenter",
    *trainings.DAVENETS,
    *trainings.EDITED,
]


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> tuple[dict, dict]:
    """Every training by two processes, and by one."""
    folder = tmp_path_factory.mktemp("trainings")
    trainings.prepare(trainings.tiny(), folder)
    subprocess.run(
        [*TORCHRUN, str(folder / "logs"), "-m", "tests.training.trainings", str(folder)],
        check=True,
        env=environment(PYTHONPATH=os.pathsep.join(sys.path)),
        stderr=subprocess.DEVNULL,
    )
    return json.loads((folder / "results.json").read_text()), trainings.run_all(folder)


@pytest.mark.parametrize("name", NAMES)
def test_two_processes_train_as_one(results, name):
    two, one = (torch.tensor(result[name]["curve"], dtype=torch.float64) for result in results)
    assert len(one) >= 10 and one[:, -1].std() > 0
    assert torch.allclose(two, one, rtol=1e-3, atol=1e-5)
    two, one = (result[name]["weights"] for result in results)
    assert two.keys() == one.keys()
    for key in one:
        assert two[key] == pytest.approx(one[key], rel=1e-3, abs=1e-3), key


def test_the_edits_of_these_trainings_count(results):
    """Some edited pictures score above the true one, and some do not."""
    for name in trainings.EDITED:
        above = [row[2] for row in results[0][name]["curve"]]
        assert max(above) > 0 and min(above) < 1


def test_one_process_keeps_what_it_has():
    rows = torch.randn(5, 3)
    assert parallel.shard(rows) is rows and parallel.gather(rows) is rows
    assert parallel.part(5) == parallel.whole(5) == 5
    assert (
        parallel.on_main(lambda: 2.5) == 2.5
        and parallel.anyone(True)
        and not parallel.anyone(False)
    )
    mean, variance, count = parallel.moments(rows, [0])
    assert (
        torch.allclose(mean, rows.mean(0))
        and torch.allclose(variance, rows.var(0, correction=0))
        and count == 5
    )
    assert is_main() and launch.wanted() == 1


@pytest.mark.parametrize("value", ["0", "two", "-1", "65"])
def test_a_number_of_processes_is_a_number(monkeypatch, value):
    monkeypatch.setenv(launch.VARIABLE, value)
    with pytest.raises(WordbrushError, match=f"WORDBRUSH_PROCESSES is '{value}'"):
        launch.wanted()


@pytest.fixture
def unfinished(finished, tmp_path) -> Workspace:
    """The inputs of a stage with many steps and a checkpoint after each."""
    workspace = Workspace(tmp_path / "work")
    shutil.copytree(finished.root, workspace.root)
    shutil.rmtree(workspace.root / OUTPUT)
    return workspace.every_step().longer(5)


def start(workspace: Workspace) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [WORDBRUSH, *STAGE],
        cwd=workspace.root,
        text=True,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment(WORDBRUSH_PROCESSES="2"),
    )


def workers_at_step(
    workspace: Workspace, launcher: subprocess.Popen[str], step: int
) -> list[psutil.Process]:
    """Wait for that step's checkpoint."""
    limit = time.monotonic() + 120
    while not list((workspace.root / ".wordbrush/checkpoints").glob(f"*/state-{step:010d}-*")):
        assert time.monotonic() < limit and launcher.poll() is None, f"no checkpoint of step {step}"
        time.sleep(0.002)
    return psutil.Process(launcher.pid).children()


def outputs(workspace: Workspace) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (workspace.root / OUTPUT).iterdir()}


@pytest.mark.runs
def test_stopped_and_resumed_two_processes_give_the_same_bytes(unfinished):
    """The resumed run is started by our launcher, the undisturbed run by torchrun."""
    process = start(unfinished)
    workers = workers_at_step(unfinished, process, 3)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert (
        process.returncode == EXIT_STOPPED
        and said.count("stopped by SIGTERM; the next run goes on from step") == 1
    )
    assert (
        "Traceback" not in said
        and not any(worker.is_running() for worker in workers)
        and len(workers) == 2
    )
    assert not (unfinished.root / OUTPUT).exists()
    again = unfinished.run("wordbrush", *STAGE, WORDBRUSH_PROCESSES="2")
    assert again.stderr.count("resuming from step") == 1
    resumed = outputs(unfinished)
    assert not list((unfinished.root / ".wordbrush/checkpoints").glob("*/*"))
    shutil.rmtree(unfinished.root / OUTPUT)
    unfinished.run(*TORCHRUN, str(unfinished.root / "logs"), "-m", "wordbrush.cli", *STAGE)
    assert outputs(unfinished) == resumed


def test_a_batch_that_cannot_be_shared_is_one_sentence(finished):
    done = finished.run("wordbrush", *STAGE, check=False, WORDBRUSH_PROCESSES="3")
    assert done.returncode == 2
    assert done.stderr == (
        "wordbrush: a batch of 16 cannot be shared equally by 3 processes: choose another batch "
        "size in params.yaml, or another WORDBRUSH_PROCESSES.\n"
    )


def test_edits_that_cannot_be_shared_are_one_sentence(unfinished):
    """Of 16 pairs one process edits 0, 3, …, 15; two edit 0, 3, 6 and 8, 11, 14."""
    path = unfinished.root / PARAMS
    path.write_text(re.sub(r"edit_every: \d+", "edit_every: 3", path.read_text()))
    done = unfinished.run("wordbrush", *STAGE, check=False, WORDBRUSH_PROCESSES="2")
    assert done.returncode == 2
    assert done.stderr == (
        "wordbrush: an edit for every 3 pairs cannot be shared equally by 2 processes of 8 pairs "
        "each: choose another edit_every or davenet.batch_size in params.yaml, or another "
        "WORDBRUSH_PROCESSES.\n"
    )


@pytest.mark.faults
def test_a_fault_of_another_process_is_told(finished, tmp_path):
    """The second process starts in another folder, and finds no parameters."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nif os.environ.get('RANK') == '1':\n    os.chdir('/')\n"
    )
    done = finished.run(
        "wordbrush",
        *STAGE,
        check=False,
        WORDBRUSH_PROCESSES="2",
        PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]),
    )
    assert done.returncode == 2
    assert "wordbrush: params.yaml is missing. Run from the project's folder.\n" in done.stderr


@pytest.mark.faults
def test_nobody_is_left_behind(unfinished):
    """A worker is killed, a worker is stopped, the launcher is killed; then the stage finishes."""
    process = start(unfinished)
    workers = workers_at_step(unfinished, process, 2)
    workers[1].kill()
    _, said = process.communicate(timeout=60)
    assert (
        process.returncode == 128 + signal.SIGKILL
        and "wordbrush: process 1 was ended by SIGKILL.\n" in said
    )
    assert psutil.wait_procs(workers, timeout=1)[1] == []

    process = start(unfinished)
    workers = workers_at_step(unfinished, process, 6)
    workers[1].terminate()
    _, said = process.communicate(timeout=60)
    assert (
        process.returncode == EXIT_STOPPED
        and "stopped by a signal to another process; the next run goes on from step" in said
    )
    assert psutil.wait_procs(workers, timeout=1)[1] == []

    process = start(unfinished)
    workers = workers_at_step(unfinished, process, 10)
    process.kill()
    assert psutil.wait_procs(workers, timeout=30)[1] == []
    assert (
        "resuming from step" in unfinished.run("wordbrush", *STAGE, WORDBRUSH_PROCESSES="2").stderr
    )
    assert (unfinished.root / OUTPUT).is_dir()
