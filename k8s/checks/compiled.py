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
from wordbrush.storage.files import read_text

WRITTEN = ("/tmp", "/dev/shm")  # the folders that a stage writes
COMPARED = ("key", "mark")  # parameters by which KFP's cache tells two runs of a stage apart


Fault = tuple[str, str]  # the name of a task, and what is wrong with it


@dataclass(frozen=True)
class Task:
    """A task, named as people see it: its entry in the DAG, its component and its pod's fields."""

    name: str
    entry: dict[str, Any]
    component: dict[str, Any]
    pod: dict[str, Any]

    @property
    def timeout(self) -> int:
        """Seconds that an attempt may run; 0 where no limit is set."""
        return int(self.pod.get("activeDeadlineSeconds", 0))

    @property
    def window(self) -> int:
        """Seconds from the first attempt's start in which Argo still tries again."""
        return int(self.entry["retryPolicy"]["backoffMaxDuration"].removesuffix("s"))


@dataclass(frozen=True)
class Compiled:
    """A compiled pipeline: its tasks, and the tasks that each waits for, by name in the DAG."""

    tasks: dict[str, Task]
    before: dict[str, list[str]]

    @property
    def longest(self) -> int:
        """Seconds that the longest chain of tasks may take, each running as long as it may."""

        @cache
        def until(name: str) -> int:
            earlier = (until(one) for one in self.before[name])
            return self.tasks[name].timeout + max(earlier, default=0)

        return max(map(until, self.tasks))


def read(path: Path) -> Compiled:
    """A compiled pipeline. Raises WordbrushError: the file is missing, or is something else."""
    text = read_text(path, "`python pipeline.py compile` writes it.")
    try:
        spec, platform = YAML(typ="safe").load_all(text)
        pods = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
        entries = spec["root"]["dag"]["tasks"]
        components = {
            name: spec["components"][entry["componentRef"]["name"]]
            for name, entry in entries.items()
        }
        return Compiled(
            tasks={
                name: Task(
                    entry["taskInfo"]["name"],
                    entry,
                    components[name],
                    pods[components[name]["executorLabel"]],
                )
                for name, entry in entries.items()
            },
            before={name: entry.get("dependentTasks", []) for name, entry in entries.items()},
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
    return [f"{', '.join(names)}: {what}" for what, names in tasks.items()]


def retries(pipeline: Compiled) -> Iterator[Fault]:
    """Windows that end before the last attempt may, and factors that Argo cannot read."""
    for task in pipeline.tasks.values():
        policy = task.entry.get("retryPolicy")
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
        options = task.entry.get("cachingOptions", {})
        if "cacheKey" in options:
            yield (
                task.name,
                "cacheKey is read by no release of KFP from 2.4 to 2.17: let a parameter tell runs "
                "apart.",
            )
        if not options.get("enableCache"):
            continue
        declared = task.component.get("inputDefinitions", {}).get("parameters", {})
        given = task.entry.get("inputs", {}).get("parameters", {})
        for name in COMPARED:
            constant = given.get(name, {}).get("runtimeValue", {}).get("constant")
            if name not in declared or not constant:
                yield (
                    task.name,
                    f"KFP's cache may answer, but there is no parameter {name!r} with a value: the "
                    "outputs may be lost, or those of other code.",
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
