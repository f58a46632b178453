"""Groups: stages that run one after the other in one pod, where starting a pod costs too much.

The pools say which stages these are. dvc.yaml's graph, the stages' keys and their locks stay as
they are; the compiled pipeline has fewer tasks. The component of a group is made of the components
of its stages: their source, one below the other, and a call of each.
"""

import ast
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from kfp import dsl
from kfp.dsl.base_component import BaseComponent

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.pools import Pools

Edges = Mapping[str, list[str]]  # each stage, and those that it reads from, by address
Groups = Mapping[str, list[str]]  # the stages of each group, by address
SHARED = "params"  # the one parameter that all stages of a group have in common


@dataclass(frozen=True)
class TaskComponent:
    """What a task is made of.

    names: what the component calls a parameter of a stage, by the stage's address and the
    parameter's name in the component of the stage alone.
    """

    component: BaseComponent
    names: dict[tuple[str, str], str]


def check_groups(pools: Pools, edges: Edges, path: Path) -> None:
    """Refuse groups that no pipeline can have.

    path: the file of the pools, for what is said. Raises WordbrushError: a name that is taken, a
    stage that does not exist or is in two groups, several pools in one group, or tasks that would
    wait for each other.
    """
    where = f"{path}: groups"
    for name, members in pools.groups.items():
        if name in pools.stages:
            raise WordbrushError(f"{where}: {name} is the name of a stage: name it otherwise.")
        if unknown := [one for one in members if one not in edges]:
            raise WordbrushError(
                f"{where}: {name}: there is no stage {', '.join(unknown)}; "
                f"there are {', '.join(edges)}."
            )
        used = {pools.stages[one.partition("@")[0]]: one for one in members}
        if len(used) > 1:
            stages = ", ".join(f"{stage} in {pool}" for pool, stage in used.items())
            raise WordbrushError(f"{where}: {name} is one pod, but has stages of pools: {stages}.")
    _check_once(pools.groups, where)
    _check_order(edges, pools.groups, where)


def _check_once(groups: Groups, where: str) -> None:
    seen: dict[str, str] = {}
    for name, members in groups.items():
        for one in members:
            if one in seen:
                raise WordbrushError(
                    f"{where}: {one} stands twice, in {seen[one]} and {name}: a stage runs once."
                )
            seen[one] = name


def _check_order(edges: Edges, groups: Groups, where: str) -> None:
    try:
        TopologicalSorter(_contracted(edges, groups)).prepare()
    except CycleError as error:
        cycle = error.args[1]
        raise WordbrushError(
            f"{where}: these would wait for each other: {' → '.join(cycle)}. Take the stages "
            "between those of a group into it, or divide it."
        ) from None


def in_order(edges: Edges, groups: Groups) -> dict[str, list[str]]:
    """The tasks, each after those that it reads from, and the stages of each in their order.

    The name of a task is that of its group or, for a stage alone, its address.
    """
    stages: dict[str, list[str]] = {}
    task_of = _task_of(groups)
    for address in TopologicalSorter(edges).static_order():
        stages.setdefault(task_of.get(address, address), []).append(address)
    return {
        name: stages[name] for name in TopologicalSorter(_contracted(edges, groups)).static_order()
    }


def _contracted(edges: Edges, groups: Groups) -> dict[str, list[str]]:
    """The edges between tasks."""
    task_of = _task_of(groups)
    graph: dict[str, list[str]] = {}
    for address, upstream in edges.items():
        name = task_of.get(address, address)
        before = graph.setdefault(name, [])
        before += [
            task for one in upstream if (task := task_of.get(one, one)) not in (name, *before)
        ]
    return graph


def _task_of(groups: Groups) -> dict[str, str]:
    return {address: name for name, members in groups.items() for address in members}


def alone(address: str, component: BaseComponent) -> TaskComponent:
    """A stage as a task of its own."""
    return TaskComponent(component, {(address, name): name for name in _parameters(component)})


def group_component(
    name: str,
    image: str,
    components: Mapping[str, BaseComponent],
    inputs: Mapping[str, Mapping[str, str]],
) -> TaskComponent:
    """Stages as one task.

    components, inputs: by address, in the order in which the stages run. Of each stage the
    component, and the stages whose locks its inputs take, by the input's name.

    The parameters of a stage are named after it, as random_edits_hard_lock. A lock that comes from
    outside has the name of its stage, as random_edits_hard, and is one input however many read it.
    """
    names: dict[tuple[str, str], str] = {}
    for address, component in components.items():
        for parameter in _parameters(component):
            before = inputs[address].get(parameter)
            if parameter == SHARED:
                own = parameter
            elif before is None:
                own = f"{identifier(address)}_{parameter}"
            else:
                own = f"{identifier(before)}_lock" if before in components else identifier(before)
            names[address, parameter] = own
    # a name that is no stage's, no module's and no word of Python, whatever the group is called
    own_name = f"group_{identifier(name)}"
    function = _function(own_name, _source(own_name, components, names))
    made = dsl.component(function, base_image=image, install_kfp_package=False)
    return TaskComponent(made, names)


def identifier(address: str) -> str:
    """An address as Python has it: random-edits@hard -> random_edits_hard."""
    return address.replace("-", "_").replace("@", "_")


def _parameters(component: BaseComponent) -> Iterable[str]:
    """The inputs and outputs of a component, which are its function's parameters."""
    return inspect.signature(component.python_func).parameters


def _source(
    name: str,
    components: Mapping[str, BaseComponent],
    names: Mapping[tuple[str, str], str],
) -> str:
    """The source of a function that has the functions of its stages within, and calls each."""
    definitions: dict[str, str] = {}
    signature: dict[str, str] = {}
    calls = []
    for address, component in components.items():
        definition = _definition(component.python_func)
        definitions[definition.name] = ast.unparse(definition)
        given = {arg.arg: names[address, arg.arg] for arg in definition.args.args}
        for arg in definition.args.args:
            # a lock that a stage of the group wrote is an output already
            signature.setdefault(given[arg.arg], ast.unparse(arg).removeprefix(arg.arg))
        call = ", ".join(f"{parameter}={own}" for parameter, own in given.items())
        calls.append(f"{definition.name}({call})")
    parameters = ", ".join(f"{own}{annotation}" for own, annotation in signature.items())
    summary = f"Run {', '.join(components)}, one after the other, in one pod."
    body = "\n\n".join([repr(summary), *definitions.values(), "\n".join(calls)])
    return f"def {name}({parameters}):\n{textwrap.indent(body, '    ')}\n"


def _definition(function: Callable[..., Any]) -> ast.FunctionDef:
    """A function's definition, without its decorators."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    definition.decorator_list = []
    return definition


def _function(name: str, source: str) -> Callable[..., Any]:
    """The function of a source. kfp asks `inspect` for the source, which looks into linecache."""
    file = f"<{name}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"dsl": dsl}
    exec(compile(source, file, "exec"), scope)
    return scope[name]
