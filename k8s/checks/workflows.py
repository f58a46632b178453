"""Argo's defaults for every run (k8s/workflow-defaults.yaml): how pods end, and what comes after.

Argo 4.0.5 merges them into every template, DAGs too (operator.go, mergedTemplateDefaultsInto), and
asks the expression after each attempt (processNodeRetries). It patches every pod by the
podSpecPatch here, then by KFP's own (workflowpod.go, processPodSpecPatch). KFP 2.17.0 compiles a
limit and pauses for stages, no policy and no expression (argocompiler/container.go), so these apply
to stages too.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from k8s.checks.compiled import Compiled
from k8s.checks.expressions import holds
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.tasks import grace
from wordbrush.storage.files import read_text

MOST_RETRIES = 3  # of pods that bring no limit of their own
HOOK = ["python", "-m", grace.__name__]


@dataclass(frozen=True)
class Attempt:
    """What Argo knows of an attempt that did not succeed, in the names of its expressions."""

    exitCode: str
    status: str
    message: str


# A pod ends as inferFailedReason says; a DAG has no exit code and no message (executeDAG).
FINAL = {
    "a stage that failed (exit code 1)": Attempt("1", "Failed", "main: Error (exit code 1)"),
    "a stage that refused its input (exit code 2)": Attempt(
        "2", "Failed", "main: Error (exit code 2)"
    ),
    "a stage without enough memory": Attempt("137", "Failed", "main: OOMKilled (exit code 137)"),
    "a stage over its time limit": Attempt(
        "143", "Failed", "Pod was active on the node longer than the specified deadline"
    ),
    "a stage over its scratch space": Attempt(
        "137", "Failed", 'Usage of EmptyDir volume "scratch" exceeds the limit "30Gi". '
    ),
    "a DAG whose stage failed": Attempt("-1", "Failed", ""),
    "a DAG whose pod vanished": Attempt("-1", "Error", ""),
}
PASSING = {
    "a stage that was told to stop (exit code 143)": Attempt(
        "143", "Failed", "main: Error (exit code 143)"
    ),
    "a stage that was killed (exit code 137)": Attempt(
        "137", "Failed", "main: Error (exit code 137)"
    ),
    "a pod that vanished": Attempt("-1", "Error", "pod deleted"),
    "a pod whose node shuts down": Attempt(
        "-1", "Failed", "Pod was terminated in response to imminent node shutdown."
    ),
    "a pod that its node turned away": Attempt(
        "-1", "Failed", "Pod was rejected: Allocate failed due to no healthy devices present"
    ),
    "a pod whose log could not be stored": Attempt(
        "0", "Error", "wait: Error (exit code 64): failed to put file"
    ),
}


def read(path: Path) -> dict[str, Any]:
    """The spec that Argo adds to every workflow. Raises WordbrushError: the file has none."""
    yaml = YAML(typ="safe")
    try:
        patch = yaml.load(read_text(path, "It is a file of the project."))
        return yaml.load(patch["data"]["workflowDefaults"])["spec"]
    except (YAMLError, KeyError, TypeError):
        raise WordbrushError(f"{path} has no data.workflowDefaults with a spec.") from None


def retries(spec: dict[str, Any]) -> Iterator[str]:
    """Faults of what is tried again."""
    strategy = spec.get("templateDefaults", {}).get("retryStrategy", {})
    limit = str(strategy.get("limit", ""))
    if not limit.isdecimal() or int(limit) > MOST_RETRIES:
        yield (
            f"retryStrategy: the limit is {limit or 'missing'}; a number up to {MOST_RETRIES} is "
            "needed, since it holds for every pod that brings none."
        )
    if strategy.get("retryPolicy", "Always") != "Always":
        yield (
            f"retryStrategy: with the policy {strategy['retryPolicy']} the expression is not asked "
            "about every pod; Always is needed."
        )
    if "expression" not in strategy:
        yield (
            "retryStrategy: there is no expression, so what fails for good would be tried again, "
            "DAGs too."
        )
        return
    for endings, wanted in ((FINAL, False), (PASSING, True)):
        for what, attempt in endings.items():
            if holds(strategy["expression"], asdict(attempt)) is not wanted:
                wrong = "is not" if wanted else "is"
                yield f"retryStrategy: {what} {wrong} tried again; correct the expression."


def stopping(spec: dict[str, Any]) -> Iterator[str]:
    """A pod that is stopped before its stage has saved."""
    containers = []
    with suppress(ValueError, KeyError, TypeError):
        containers = json.loads(spec["podSpecPatch"])["containers"]
    hooks = {
        one.get("name"): one.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command")
        for one in containers
    }
    if hooks.get("main") != HOOK:
        yield (
            "podSpecPatch: the container main has no preStop hook that runs "
            f"`{' '.join(HOOK)}`, so a stage would be killed before it saves."
        )


def deadline(spec: dict[str, Any], pipeline: Compiled) -> Iterator[str]:
    """A run that nobody ends, or that is ended before its stages may."""
    given = spec.get("activeDeadlineSeconds")
    if given is None:
        yield "activeDeadlineSeconds is missing: a run that hangs would never end."
        return
    windows = (task.window for task in pipeline.tasks.values() if task.policy)
    needed = max(pipeline.longest, *windows)
    if given <= needed:
        yield (
            f"activeDeadlineSeconds is {given}, but the time limits of the stages allow a run "
            f"{needed} s: raise it, or lower timeout_hours in the pools."
        )
