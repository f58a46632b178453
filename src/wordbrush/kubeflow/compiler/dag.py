"""The KFP pipeline: a task for each stage of dvc.yaml, and an edge for each that it reads from.

No edge is written here: dvc.yaml has them. An edge carries the lock of the stage before it. Stages
that the pools group are one task (groups.py).
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from kfp import compiler, dsl
from kfp.dsl.base_component import BaseComponent
from kfp.dsl.pipeline_channel import PipelineArtifactChannel

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.groups import TaskComponent, alone, group_component, in_order
from wordbrush.kubeflow.compiler.plan import LAST, Plan
from wordbrush.kubeflow.compiler.pools import label_stage, place_beside_kubeflow, place_on_pool
from wordbrush.kubeflow.tasks.notices import NOTIFY
from wordbrush.kubeflow.tasks.provenance import VARIABLE, Provenance
from wordbrush.stages.table import BY_NAME, CHANGED, COMPARE, GATE, UNCHANGED
from wordbrush.storage.files import whole_file

OWN_INPUTS = {"params", "key", "mark", "mining"}  # of a component, beside the locks of other stages
NAME, DESCRIPTION = "wordbrush", "Learns what spoken words mean by drawing pictures (CVPR 2019)."
NODES = {True: "spot if it got one", "only": "spot", False: "on demand"}  # in words, for pages

Components = Mapping[str, BaseComponent]  # by the stage's name


def write_pipeline(plan: Plan, components: Components, target: Path) -> None:
    """Compile to a YAML file, which appears whole or not at all."""

    def compile_to(package: Path) -> None:
        compiler.Compiler().compile(build(plan, components), str(package))

    # For every setting of a task kfp looks up the module of each frame of the stack
    # (`inspect.stack`). A thread's stack is short; a caller's may cost seconds.
    with whole_file(target) as scratch, ThreadPoolExecutor(max_workers=1) as thread:
        package = scratch.with_name(f"{scratch.name}.yaml")  # kfp insists on the suffix
        try:
            thread.submit(compile_to, package).result()
            package.rename(scratch)
        finally:
            package.unlink(missing_ok=True)


def build(plan: Plan, components: Components) -> BaseComponent:
    """The pipeline, for kfp's compiler.

    Raises WordbrushError: a stage has no component, or one whose inputs are not dvc.yaml's edges.
    """

    def stages() -> PipelineArtifactChannel:
        lock = add_stages(plan, components)
        if plan.gate:
            add_gate(plan, components, lock)
        return lock

    if plan.compares or plan.notify is not None:

        @dsl.pipeline(name=NAME, description=DESCRIPTION)
        def wordbrush() -> None:  # kfp takes no output out of a condition or an exit handler
            with nullcontext() if plan.notify is None else exit_handler(plan, components):
                compare(plan, components, stages) if plan.compares else stages()

    else:

        @dsl.pipeline(name=NAME, description=DESCRIPTION)
        def wordbrush() -> dsl.Artifact:
            return stages()

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
    own = {"params": plan.params, "key": plan.keys[address], "mark": plan.mark(address)}
    return own | ({"mining": mining} if mining else {})


def compare(
    plan: Plan, components: Components, stages: Callable[[], PipelineArtifactChannel]
) -> None:
    """A first task, which says whether the stages start.

    The gate runs in both cases, as it may have failed last time. Where no stage starts, its lock is
    the one that an equal run left in the remote.
    """
    task = components[COMPARE](params=plan.params, key=plan.run_key)
    outputs = settle(task, COMPARE, plan).outputs
    with dsl.If(outputs["Output"] == CHANGED, name=CHANGED):
        stages()
    if plan.gate:
        with dsl.If(outputs["Output"] == UNCHANGED, name=UNCHANGED):
            add_gate(plan, components, outputs["lock"])


def add_gate(plan: Plan, components: Components, lock: PipelineArtifactChannel) -> None:
    """The task that compares a run with the champion."""
    settle(components[GATE](params=plan.params, report=lock), GATE, plan)


def exit_handler(plan: Plan, components: Components) -> dsl.ExitHandler:
    """What runs the stages, and then tells how they ended."""
    task = components[NOTIFY](run=dsl.PIPELINE_JOB_ID_PLACEHOLDER, ui=plan.notify)
    place_beside_kubeflow(task.set_container_image(plan.image).set_caching_options(False))
    label_stage(task, NOTIFY)
    return dsl.ExitHandler(task, name="stages")


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
    """Give the task of a stage or group its image, node pool and retries.

    Also what its page says of the order, and whether KFP's cache may answer it.
    """
    addresses = plan.pools.groups.get(name, [name])
    stage = addresses[0].partition("@")[0]
    task.set_container_image(plan.image).set_display_name(name)
    place_on_pool(task, plan.pools, stage)
    label_stage(task, name)
    task.set_env_variable(VARIABLE, ordered(plan, stage).as_text())
    if not plan.retries:
        task.set_retry(0)
    known = all(address in plan.keys for address in addresses)
    return task.set_caching_options(plan.cached and known)


def ordered(plan: Plan, stage: str) -> Provenance:
    """What the page of a stage's task says of the order; without a container, there is no pool."""
    if plan.ordered.image is None:
        return plan.ordered
    pool = plan.pools.of(stage)
    name = f"{plan.pools.stages[stage]}, {NODES[pool.spot]}"
    return replace(plan.ordered, pool=name, price=pool.price)
