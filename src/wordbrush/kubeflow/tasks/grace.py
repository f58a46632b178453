"""The last seconds of a pod: its stage saves. Its preStop hook runs this module.

Kubernetes stops a container by SIGTERM to its first process, Argo's emissary. The emissary passes
it to the process group of KFP's launcher, waits for the launcher alone, and ends, which kills all
that is left (Argo 4.0.5, cmd/argoexec/commands/emissary.go, workflow/executor/osspecific). The
launcher handles no signal and dies at once (KFP 2.17.0), so a stage would have a second at most.

Kubernetes runs a preStop hook before that signal and waits for it, within the pod's grace time.
This hook (k8s/workflow-defaults.yaml) sends the stage SIGTERM and returns when it is gone.
Meanwhile KFP's executor, which waits for the stage, is held: if it went on, it would report a stage
that failed (exit code 1), where the truth is a pod that was stopped (143), which is tried again.
"""

import time
from contextlib import suppress
from pathlib import Path

import psutil

from wordbrush.training.signals import GRACE_SECONDS, alive

EXECUTOR = "kfp.dsl.executor_main"  # the module that runs a component's function
COMMAND = "wordbrush"  # a stage, as in dvc.yaml
LOOK_SECONDS = 0.05


def save_stages(first: int = 1) -> int:
    """Have the stages of a container saved and ended. Returns how many there were.

    first: the container's first process, as it sees itself.
    """
    stages = stages_below(processes(children(psutil.Process(first)), EXECUTOR))
    for stage in stages:
        with suppress(psutil.NoSuchProcess):
            stage.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    while any(alive(stage) for stage in stages) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    return len(stages)


def stages_below(executors: list[psutil.Process]) -> list[psutil.Process]:
    """The stages that executors wait for, without their workers. The executors are held.

    Any of these processes may end by itself meanwhile.
    """
    found = []
    for executor in executors:
        with suppress(psutil.NoSuchProcess):
            executor.suspend()
        found += processes(children(executor), COMMAND)
    return [one for one in found if not parents(one) & set(found)]


def processes(among: list[psutil.Process], name: str) -> list[psutil.Process]:
    """Those with an argument that is this name, or a path that ends with it."""
    return [one for one in among if any(Path(word).name == name for word in arguments(one))]


def children(process: psutil.Process) -> list[psutil.Process]:
    """All processes below one; none where it has just ended."""
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def parents(process: psutil.Process) -> set[psutil.Process]:
    """All processes above one; none where it has just ended."""
    try:
        return set(process.parents())
    except psutil.NoSuchProcess:
        return set()


def arguments(process: psutil.Process) -> list[str]:
    """What a process was started with; nothing where it has just ended."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


if __name__ == "__main__":
    print(f"wordbrush: {save_stages()} stages were stopped, as this pod ends.", flush=True)
