"""The compiled pipeline against what KFP and Argo do with it.

The rules were read from the sources of KFP 2.17.0 and Argo Workflows 4.0.5 (docs/cluster.md).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.plan import UNMARKED
from wordbrush.kubeflow.compiler.spec import Leaf, leaves
from wordbrush.storage.files import read_text

WRITTEN = ("/tmp", "/dev/shm")  # the folders that a stage writes
COMPARED = ("key", "mark")  # parameters by which KFP's cache tells two runs of a stage apart


Fault = tuple[str, str]  # the name of a task, and what is wrong with it


@dataclass(frozen=True)
class Task:
    """A task that has a pod, and the pod's fields."""

    leaf: Leaf
    pod: dict[str, Any]

    @property
    def name(self) -> str:
        """As people see it."""
        return self.leaf.shown

    @property
    def policy(self) -> dict[str, Any]:
        """How often it is tried again; empty where nothing says so."""
        return self.leaf.entry.get("retryPolicy", {})

    @property
    def timeout(self) -> int:
        """Seconds that an attempt may run; 0 where no limit is set."""
        return int(self.pod.get("activeDeadlineSeconds", 0))

    @property
    def window(self) -> int:
        """Seconds from the first attempt's start in which Argo still tries again."""
        return int(self.policy["backoffMaxDuration"].removesuffix("s"))


@dataclass(frozen=True)
class Compiled:
    """The tasks of a compiled pipeline by kfp's name, those of conditions and the like too."""

    tasks: dict[str, Task]

    @property
    def longest(self) -> int:
        """Seconds that the longest chain of tasks may take, each running as long as it may."""

        @cache
        def until(name: str) -> int:
            earlier = (until(one) for one in self.tasks[name].leaf.before)
            return self.tasks[name].timeout + max(earlier, default=0)

        return max(map(until, self.tasks))


def read(path: Path) -> Compiled:
    """A compiled pipeline. Raises WordbrushError: the file is missing, or is something else."""
    text = read_text(path, "`python pipeline.py compile` writes it.")
    try:
        spec, platform = YAML(typ="safe").load_all(text)
        pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        return Compiled(
            {one.name: Task(one, pods[one.component["executorLabel"]]) for one in leaves(spec)}
        )
    except (YAMLError, ValueError, KeyError, TypeError, AttributeError):
        raise WordbrushError(
            f"{path} is not a compiled pipeline: `python pipeline.py compile` writes one."
        ) from None


def faults(pipeline: Compiled) -> list[str]:
    """Every fault as a sentence, with the tasks that have it."""
    tasks: dict[str, list[str]] = defaultdict(list)
    for check in (retries, caching, volumes, privileges):
        for task, what in check(pipeline):
            tasks[what].append(task)
    # a task that is there twice, such as the gate of a scheduled run, is named once
    return [f"{', '.join(dict.fromkeys(names))}: {what}" for what, names in tasks.items()]


def retries(pipeline: Compiled) -> Iterator[Fault]:
    """Windows that end before the last attempt may, and factors that Argo cannot read."""
    for task in pipeline.tasks.values():
        policy = task.policy
        if not policy or not task.timeout:
            yield task.name, "there are no retries or no time limit; set both in the pools."
            continue
        attempts = policy.get("maxRetryCount", 0) + 1
        if task.window <= attempts * task.timeout:
            yield (
                task.name,
                f"backoffMaxDuration is {task.window} s, but {attempts} attempts of {task.timeout} "
                "s may take longer. Argo ends retries, and a retried pod, that long after the "
                "first attempt's start: compile again, or raise queue_hours in the pools.",
            )
        if policy["backoffFactor"] != int(policy["backoffFactor"]):
            yield (
                task.name,
                f"backoffFactor is {policy['backoffFactor']:g}, and Argo reads whole numbers only: "
                "change `factor` in the pools.",
            )


def caching(pipeline: Compiled) -> Iterator[Fault]:
    """Tasks that KFP's cache would answer though their outputs are lost."""
    for task in pipeline.tasks.values():
        options = task.leaf.entry.get("cachingOptions", {})
        if "cacheKey" in options:
            yield (
                task.name,
                "cacheKey is read by no release of KFP from 2.4 to 2.17: let a parameter tell runs "
                "apart.",
            )
        if not options.get("enableCache"):
            continue
        declared = task.leaf.component.get("inputDefinitions", {}).get("parameters", {})
        for name in COMPARED:
            # a group has those of each of its stages, such as random_edits_hard_key
            own = [one for one in declared if one == name or one.endswith(f"_{name}")]
            values = [task.leaf.parameters.get(one) for one in own]
            if not own or not all(values):
                yield (
                    task.name,
                    f"KFP's cache may answer, but there is no parameter {name!r} with a value: the "
                    "outputs may be lost, or those of other code.",
                )
            elif UNMARKED in values:
                yield (
                    task.name,
                    f"KFP's cache may answer, but the parameter {name!r} is {UNMARKED!r}: nobody "
                    "looked whether the outputs are lost. Compile without the cache, or submit.",
                )


def volumes(pipeline: Compiled) -> Iterator[Fault]:
    """Folders that a stage writes without a bound: they would fill the node's disk or memory."""
    for task in pipeline.tasks.values():
        mounts = {one["mountPath"]: one for one in task.pod.get("emptyDirMounts", [])}
        for folder in sorted({*WRITTEN, *mounts}):
            if not mounts.get(folder, {}).get("sizeLimit"):
                yield (
                    task.name,
                    f"{folder} is no volume with a sizeLimit: set scratch and shared_memory in the "
                    "pools.",
                )


def privileges(pipeline: Compiled) -> Iterator[Fault]:
    """Containers that may run as root."""
    for task in pipeline.tasks.values():
        context = task.pod.get("securityContext", {})
        if context.get("runAsNonRoot") is not True or not int(context.get("runAsUser", 0)):
            yield (
                task.name,
                "the securityContext allows root, and the namespace would refuse the pod: set "
                "runAsNonRoot and a user.",
            )
