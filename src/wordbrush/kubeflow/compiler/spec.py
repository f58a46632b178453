"""A compiled pipeline, read back: every task that has a pod, also in conditions and exit handlers.

The spec is that of the YAML file, of what is sent to a server, and of its answers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Leaf:
    """A task that has a pod.

    name: what kfp calls it, such as random-edits-2, which no other task of the pipeline has.
    entry, component: of the spec. within: the groups around it, outermost first. before: the tasks
    that it waits for, itself or as a part of a group.
    """

    name: str
    entry: dict[str, Any]
    component: dict[str, Any]
    within: tuple[str, ...]
    before: tuple[str, ...]

    @property
    def shown(self) -> str:
        """Its name for people: the address of a stage, such as random-edits@hard, or a group's."""
        return self.entry["taskInfo"]["name"]

    @property
    def parameters(self) -> dict[str, Any]:
        """The constants among the parameters that it is given."""
        given = self.entry.get("inputs", {}).get("parameters", {})
        return {
            name: value["runtimeValue"]["constant"]
            for name, value in given.items()
            if "constant" in value.get("runtimeValue", {})
        }


def unwrapped(spec: dict[str, Any]) -> dict[str, Any]:
    """The pipeline's spec where a server keeps it beside that of the platform."""
    return spec.get("pipeline_spec", spec)


def leaves(spec: dict[str, Any]) -> list[Leaf]:
    """Every task that has a pod; who waits for a group waits for all of its tasks.

    Raises AttributeError, KeyError, TypeError: it is no compiled pipeline.
    """
    found = list(_leaves(spec, spec["root"]["dag"]))
    members: dict[str, list[str]] = {}
    for leaf in found:
        for name in (leaf.name, *leaf.within):
            members.setdefault(name, []).append(leaf.name)
    return [
        replace(leaf, before=tuple(one for name in leaf.before for one in members.get(name, [])))
        for leaf in found
    ]


def _leaves(
    spec: dict[str, Any],
    dag: dict[str, Any],
    within: tuple[str, ...] = (),
    waits: tuple[str, ...] = (),
) -> Iterator[Leaf]:
    """The tasks of a DAG and of those in it. waits: what all of them wait for, groups too."""
    for name, entry in dag["tasks"].items():
        component = spec["components"][entry["componentRef"]["name"]]
        before = (*waits, *entry.get("dependentTasks", []))
        if "dag" in component:
            yield from _leaves(spec, component["dag"], (*within, name), before)
        else:
            yield Leaf(name, entry, component, within, before)
