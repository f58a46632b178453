"""The KFP pipeline: a task for each stage of dvc.yaml, and an edge for each that it reads from.

No edge is written here: dvc.yaml has them. An edge carries the lock of the stage before it. Stages
that the pools group are one task (groups.py).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from kfp import compiler, dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_channel import PipelineArtifactChannel

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.groups import TaskComponent, alone, group_component, in_order
from wordbrush.kubeflow.plan import Plan
from wordbrush.kubeflow.pools import place_on_pool
from wordbrush.stages.table import BY_NAME, GATE
from wordbrush.storage.files import whole_file

OWN_INPUTS = {"params", "key", "mining"}  # of a component, beside the locks of other stages
LAST = "report"  # the stage whose lock is the run's

Components = Mapping[str, BaseComponent]  # by the stage's name


def write_pipeline(plan: Plan, components: Components, target: Path) -> None:
    """Compile to a YAML file, which appears whole or not at all."""
    with whole_file(target) as scratch:
        package = scratch.with_name(f"{scratch.name}.yaml")  # kfp insists on the suffix
        try:
            compiler.Compiler().compile(build(plan, components), str(package))
            package.rename(scratch)
        finally:
            package.unlink(missing_ok=True)


def build(plan: Plan, components: Components) -> BaseComponent:
    """The pipeline, for kfp's compiler.

    Raises WordbrushError: a stage has no component, or one whose inputs are not dvc.yaml's edges.
    """

    @dsl.pipeline(
        name="wordbrush",
        description="Learns what spoken words mean by drawing pictures (CVPR 2019).",
    )
    def wordbrush() -> dsl.Artifact:
        lock = add_stages(plan, components)
        if plan.gate:
            settle(components[GATE](params=plan.params, report=lock), GATE, plan)
        return lock

    return wordbrush


def add_stages(plan: Plan, components: Components) -> PipelineArtifactChannel:
    """Add a task for each stage or group to the pipeline, with its edges.

    Returns the lock of the run.
    """
    inputs = {
        address: lock_inputs(address, upstream, components)
        for address, upstream in plan.edges.items()
    }
    locks: dict[str, PipelineArtifactChannel] = {}
    for name, stages in in_order(plan.edges, plan.pools.groups).items():
        made = task_component(name, stages, inputs, components, plan)
        arguments: dict[str, str | PipelineArtifactChannel] = {}
        for address in stages:
            # a lock from within the group is no input
            read = {own: locks[one] for own, one in inputs[address].items() if one in locks}
            arguments |= {
                made.names[address, parameter]: value
                for parameter, value in (own_inputs(address, plan) | read).items()
            }
        task = settle(made.component(**arguments), name, plan)
        locks |= {address: task.outputs[made.names[address, "lock"]] for address in stages}
    return locks[LAST]


def task_component(
    name: str,
    stages: list[str],
    inputs: Mapping[str, Mapping[str, str]],
    components: Components,
    plan: Plan,
) -> TaskComponent:
    """What a task is made of: the component of its stage, or one for its group."""
    own = {address: components[address.partition("@")[0]] for address in stages}
    if name in plan.pools.groups:
        return group_component(name, plan.image, own, inputs)
    return alone(name, own[name])


def own_inputs(address: str, plan: Plan) -> dict[str, str]:
    """The parameters of a stage's component."""
    mining = address.partition("@")[2]
    own = {"params": plan.params, "key": plan.keys[address]}
    return own | ({"mining": mining} if mining else {})


def lock_inputs(address: str, upstream: list[str], components: Components) -> dict[str, str]:
    """The inputs of a stage's component that take locks, and the address that each comes from.

    Raises WordbrushError: they are not those that dvc.yaml says.
    """
    stage = address.partition("@")[0]
    if stage not in components:
        raise WordbrushError(f"dvc.yaml has the stage {stage}, but there is no component of it.")
    wanted = {input_name(before, address): before for before in upstream}
    taken = set(components[stage].component_spec.inputs or {}) - OWN_INPUTS
    if taken != set(wanted):
        raise WordbrushError(
            f"components/{BY_NAME[stage].identifier}.py and dvc.yaml disagree about what {address} "
            f"reads: the component takes {', '.join(sorted(taken)) or 'nothing'}, "
            f"dvc.yaml names {', '.join(sorted(wanted)) or 'nothing'}."
        )
    return wanted


def input_name(before: str, reader: str) -> str:
    """What a component calls the lock of the stage `before`: random_edits, or random_edits_hard.

    A stage that runs per mining reads those of its own mining, which go without saying.
    """
    stage, _, mining = before.partition("@")
    own = reader.partition("@")[2]
    identifier = BY_NAME[stage].identifier
    return identifier if mining in ("", own) else f"{identifier}_{mining}"


def settle(task: dsl.PipelineTask, name: str, plan: Plan) -> dsl.PipelineTask:
    """Give the task of a stage or group its name, image, node pool, retries and cache key."""
    stages = plan.pools.groups.get(name, [name])
    task.set_container_image(plan.image).set_display_name(name)
    place_on_pool(task, plan.pools, stages[0].partition("@")[0])
    if not plan.retries:
        task.set_retry(0)
    keys = " ".join(plan.keys.get(address, "") for address in stages)
    marks = " ".join(plan.marks.get(address, "") for address in stages)
    return task.set_caching_options(
        plan.cached and all(address in plan.keys for address in stages),
        cache_key=hashlib.sha256(f"{keys} {plan.image} {marks}".encode()).hexdigest(),
    )
