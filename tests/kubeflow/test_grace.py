"""A pod that is stopped, process by process: emissary, launcher, executor, dvc, stage."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from kfp import compiler, dsl

from tests.kfp_server import Compiled
from tests.workspace import Workspace, environment
from wordbrush.kubeflow.tasks.grace import arguments, children, parents, save_stages, stages_below
from wordbrush.storage.yaml import read_yaml

STAGE = "pretrain-davenet@hard"
# As Argo 4.0.5's emissary: the first process of a container gives its child a process group, passes
# signals to that group, waits for the child alone, and takes all others along when it ends.
EMISSARY = """
import os, signal, subprocess, sys
child = subprocess.Popen(sys.argv[1:], process_group=0)
signal.signal(signal.SIGTERM, lambda *_: os.killpg(child.pid, signal.SIGTERM))
code = child.wait()
try:
    os.killpg(child.pid, signal.SIGKILL)
except ProcessLookupError:
    pass
sys.exit(code if code >= 0 else 128 - code)
"""
LAUNCHER = ("sh", "-c", '"$@" || exit 1', "launcher")  # as KFP's: it handles no signal


@dsl.component(base_image="image:1", install_kfp_package=False)
def work(folder: str):
    from dvc.repo import Repo

    with Repo(folder) as repo:
        repo.reproduce("pretrain-davenet@hard", single_item=True)


@pytest.fixture
def workspace(finished, tmp_path) -> Workspace:
    """The inputs of a stage that has many steps to do, and never saves of its own accord."""
    made = Workspace(tmp_path / "work")
    shutil.copytree(finished.root, made.root, symlinks=True)
    shutil.rmtree(made.root / "data/encoders/pretrain/hard")
    path = made.longer(1000).root / "params.yaml"
    path.write_text(path.read_text().replace("minutes: 2.0", "minutes: 60.0"))
    return made


@pytest.fixture
def container(workspace, tmp_path):
    """The pod's container, as KFP starts a component in it."""
    compiler.Compiler().compile(work, str(tmp_path / "work.yaml"))
    told = {
        "inputs": {"parameterValues": {"folder": str(workspace.root)}},
        "outputs": {"outputFile": str(tmp_path / "output.json")},
    }
    image = Compiled(read_yaml(tmp_path / "work.yaml"), {}).container("work")
    arguments = ["--executor_input", json.dumps(told), "--function_to_execute", "work"]
    command = [sys.executable, "-c", EMISSARY, *LAUNCHER, *image["command"], *arguments]
    log = (tmp_path / "log").open("w")
    process = subprocess.Popen(
        command, cwd=workspace.root, env=environment(), stdout=log, stderr=log
    )
    yield process
    if process.poll() is None:
        for one in psutil.Process(process.pid).children(recursive=True):
            one.kill()
        process.wait()


def wait_until(true, log: Path) -> None:
    limit = time.monotonic() + 120
    while not true():
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.02)


def test_a_stopped_pod_keeps_the_state_of_its_stage(container, workspace, tmp_path):
    log = tmp_path / "log"
    wait_until(lambda: "step" in log.read_text(), log)
    assert save_stages(container.pid) == 1
    assert "the next run goes on from step" in log.read_text()
    assert container.poll() is None  # so that Kubernetes ends it, which is no fault of the stage
    os.kill(container.pid, signal.SIGTERM)
    assert container.wait(timeout=30) == 128 + signal.SIGTERM
    assert list((workspace.root / ".wordbrush/checkpoints").glob("*/state-*"))


@pytest.fixture
def ended() -> psutil.Process:
    """A process that was listed, and has ended since."""
    child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.PIPE)
    process = psutil.Process(child.pid)
    child.communicate()
    return process


def test_a_process_that_has_just_ended_has_no_family(ended):
    with pytest.raises(psutil.NoSuchProcess):
        ended.suspend()
    assert children(ended) == [] and parents(ended) == set() and arguments(ended) == []


def test_an_executor_that_has_just_ended_is_no_fault(ended):
    assert stages_below([ended]) == []


def test_a_container_without_a_stage_ends_at_once():
    assert save_stages(os.getpid()) == 0
