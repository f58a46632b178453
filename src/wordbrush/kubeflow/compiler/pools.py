"""Node pools: what k8s/pools.yaml says of a stage, put on its task.

Of the package, only this module knows the fields of Kubernetes.
"""

from pathlib import Path
from typing import Annotated, Literal

from kfp import dsl, kubernetes
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.tasks.notices import KEY, SECRET, VARIABLE
from wordbrush.stages.table import BY_NAME, COMPARE, GATE
from wordbrush.storage.yaml import read_yaml
from wordbrush.training.launch import VARIABLE as PROCESSES

Quantity = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)?(m|[KMGT]i?)?$")]
# Kubernetes' names of labels, taints and resources, after a DNS name and a slash, and of values.
NAME = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
Key = Annotated[str, Field(pattern=rf"^([a-z0-9][a-z0-9.-]{{0,251}}[a-z0-9]/)?{NAME}$")]
Value = Annotated[str, Field(pattern=rf"^({NAME})?$")]
GroupName = Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$")]
YEAR = 366 * 24  # hours
USER = 10001  # the image's user; no root
SETTINGS = "wordbrush"  # the ConfigMap that names the cluster's storage
SETTINGS_KEYS = {
    "remote": "WORDBRUSH_REMOTE",
    "remote-options": "WORDBRUSH_REMOTE_OPTIONS",
    "registry": "WORDBRUSH_REGISTRY",
    "checkpoints": "WORDBRUSH_CHECKPOINTS",
}
STAGE_LABEL = "wordbrush/stage"  # of a pod; `pipeline.py logs` finds it so
# A pod starts without these.
OPTIONAL_KEYS = {
    "metrics-port": "WORDBRUSH_METRICS_PORT",
    "pushgateway": "WORDBRUSH_PUSHGATEWAY",
}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Accelerator(Strict):
    type: Key
    count: Annotated[int, Field(ge=1, le=16)]


class Toleration(Strict):
    key: Key
    operator: Literal["Equal", "Exists"]
    value: Value | None = None
    effect: Literal["NoSchedule", "NoExecute", "PreferNoSchedule"]


class Placement(Strict):
    """Which nodes a pod may run on."""

    node_selector: dict[Key, Value]
    tolerations: list[Toleration]


class Retries(Strict):
    """How often a pod is tried again, after how long, and how long each try may queue.

    The pauses are wait_seconds, then `factor` times the one before. Argo reads whole numbers only.
    """

    count: Annotated[int, Field(ge=0, le=20)]
    wait_seconds: Annotated[int, Field(ge=0, le=YEAR * 3600)]
    factor: Annotated[int, Field(ge=1, le=100)]
    queue_hours: Annotated[float, Field(gt=0, le=YEAR)]

    @property
    def pauses(self) -> int:
        """Seconds of all pauses together."""
        return sum(self.wait_seconds * self.factor**retry for retry in range(self.count))

    @model_validator(mode="after")
    def _pauses_end(self) -> "Retries":
        if self.pauses > YEAR * 3600:
            raise ValueError(
                "the pauses between retries add up to more than a year: lower count, wait_seconds "
                "or factor"
            )
        return self


class Prices(Strict):
    """Dollars an hour of a node."""

    spot: Annotated[float, Field(gt=0)]
    on_demand: Annotated[float, Field(gt=0)]


class Pool(Placement):
    """spot: True, spot nodes if the cluster's queue sends a pod there; "only", spot nodes, whoever
    places pods; False, on-demand nodes.
    """

    accelerator: Accelerator | None
    cpu: Quantity
    memory: Quantity
    shared_memory: Quantity
    scratch: Quantity
    spot: Literal[True, False, "only"]
    timeout_hours: Annotated[float, Field(gt=0, le=YEAR)]
    retries: Retries
    price_per_hour: Prices | None = None

    @property
    def price(self) -> float | None:
        """Dollars an hour of the nodes that the pool asks for first; None: the file names none."""
        if self.price_per_hour is None:
            return None
        return self.price_per_hour.spot if self.spot else self.price_per_hour.on_demand

    @property
    def timeout(self) -> int:
        """Seconds that one attempt may run."""
        return max(1, int(self.timeout_hours * 3600))

    @property
    def window(self) -> int:
        """Seconds from the first attempt's start within which the last one must end.

        Argo tries nothing again after this time, and ends a retried pod at it (operator.go,
        `maxDuration`). So all attempts must fit, each with its wait for a node, and all pauses.
        """
        attempts = self.retries.count + 1
        queues = int(attempts * self.retries.queue_hours * 3600)
        return attempts * self.timeout + queues + self.retries.pauses


class Pools(Strict):
    """The labels of every pod, the pools, what each kind of node needs, and each stage's pool.

    groups: addresses of stages that share a pod (groups.py).
    local: whether the nodes are on this machine, which may load images that no registry has.
    """

    local: bool = False
    labels: dict[Key, Value]
    pools: dict[str, Pool]
    spot: Placement
    on_demand: Placement
    stages: dict[str, str]
    groups: dict[GroupName, Annotated[list[str], Field(min_length=2)]] = Field(default_factory=dict)

    def placements(self, pool: Pool) -> list[Placement]:
        """What a pod of a pool asks for by itself.

        A pod that may run on either kind of node names neither: Kueue's flavors add the labels and
        tolerations of one. Where nothing does, it runs on demand, for spot nodes have a taint.
        """
        if pool.spot == "only":
            return [pool, self.spot]
        return [pool] if pool.spot else [pool, self.on_demand]

    def of(self, stage: str) -> Pool:
        """The pool of a stage. Raises WordbrushError where the file has none of its name."""
        name = self.stages.get(stage)
        if name not in self.pools:
            raise WordbrushError(
                f"pools: the stage {stage} is in the pool {name!r}; "
                f"there are {', '.join(self.pools)}."
            )
        return self.pools[name]


def load_pools(path: Path) -> Pools:
    """The node pools of a file, with a pool for every stage of the table and the tasks around them.

    Raises WordbrushError that names file and field.
    """
    try:
        pools = Pools.model_validate(read_yaml(path))
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg'].removeprefix('Value error, ')}"
            for fault in error.errors()
        )
        raise WordbrushError(f"{path}: {faults}") from None
    known = {*BY_NAME, COMPARE, GATE}
    if missing := sorted(known - set(pools.stages)):
        raise WordbrushError(f"{path}: stages: {', '.join(missing)} has no pool.")
    if unknown := sorted(set(pools.stages) - known):
        raise WordbrushError(f"{path}: stages: there is no stage {', '.join(unknown)}.")
    for stage in pools.stages:
        pools.of(stage)
    return pools


def place_on_pool(task: dsl.PipelineTask, pools: Pools, stage: str) -> None:
    """Give a task the resources, nodes, labels, time limit and retries of its stage's pool."""
    pool = pools.of(stage)
    _set_resources(task, pool)
    _set_limits(task, pool)
    for placement in pools.placements(pool):
        for key, value in placement.node_selector.items():
            kubernetes.add_node_selector(task, key, value)
        for one in placement.tolerations:
            kubernetes.add_toleration(task, one.key, one.operator, one.value, one.effect)
    for key, value in pools.labels.items():
        kubernetes.add_pod_label(task, key, value)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    kubernetes.use_config_map_as_env(task, SETTINGS, SETTINGS_KEYS, optional=False)
    kubernetes.use_config_map_as_env(task, SETTINGS, OPTIONAL_KEYS, optional=True)


def stage_label(address: str) -> str:
    """The value of STAGE_LABEL for the address of a stage in dvc.yaml, such as evaluate@hard."""
    return address.replace("@", ".")


def label_stage(task: dsl.PipelineTask, address: str) -> None:
    """Let the pods of a stage be found."""
    kubernetes.add_pod_label(task, STAGE_LABEL, stage_label(address))


def place_beside_kubeflow(task: dsl.PipelineTask) -> dsl.PipelineTask:
    """Give the exit task the webhook's address and a small pod on the nodes of Kubeflow itself.

    It is in no pool: it must neither wait in a queue nor start a node of its own.
    """
    kubernetes.use_secret_as_env(task, SECRET, {KEY: VARIABLE}, optional=True)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    kubernetes.empty_dir_mount(task, "shared-memory", "/dev/shm", "Memory", "64Mi")
    kubernetes.empty_dir_mount(task, "scratch", "/tmp", size_limit="1Gi")
    # The limit counts from the pod's start, and a node that never ran a stage pulls the image then.
    kubernetes.set_timeout(task, 3600)
    task.set_retry(2, "60s", 2, "14400s")  # three attempts of an hour, and pauses, fit into four
    return task.set_cpu_limit("500m").set_memory_limit("1Gi")


def _set_resources(task: dsl.PipelineTask, pool: Pool) -> None:
    """Cores, memory, GPUs, and the folders that a stage writes, with the most they may hold."""
    task.set_cpu_limit(pool.cpu).set_memory_limit(pool.memory)
    if pool.accelerator:
        count = pool.accelerator.count
        task.set_accelerator_type(pool.accelerator.type).set_accelerator_limit(count)
        if count > 1:  # a stage that trains starts a process for each
            task.set_env_variable(PROCESSES, str(count))
    kubernetes.empty_dir_mount(task, "shared-memory", "/dev/shm", "Memory", pool.shared_memory)
    kubernetes.empty_dir_mount(task, "scratch", "/tmp", size_limit=pool.scratch)


def _set_limits(task: dsl.PipelineTask, pool: Pool) -> None:
    """How long a pod may run, how often it is tried again, and within which time."""
    retries = pool.retries
    # kfp calls the window "backoff_max_duration"
    task.set_retry(retries.count, f"{retries.wait_seconds}s", retries.factor, f"{pool.window}s")
    kubernetes.set_timeout(task, pool.timeout)
