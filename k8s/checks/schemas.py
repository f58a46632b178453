"""The shape of every object, by the schemas of the four newest Kubernetes versions.

The kinds that operators define have schemas of ours.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Any, Literal

import kubernetes_validate
from kubernetes_validate.utils import all_versions
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from k8s.checks.manifests import Manifest, fields
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server.cron import check_cron

VERSIONS = list(dict.fromkeys(all_versions()))[-4:]
QUANTITY = r"^[0-9]+(\.[0-9]+)?(m|k|[MGTPE]|[KMGTPE]i)?$"
Quantity = Annotated[str, Field(pattern=QUANTITY)]
Duration = Annotated[str, Field(pattern=r"^([0-9]+(ms|s|m|h|d|w|y))+$")]
Labels = dict[str, str]


class Shape(BaseModel):
    """The part that we use of what an operator's API server accepts; anything else is refused."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Selector(Shape):
    matchLabels: Annotated[Labels, Field(min_length=1)]


class Taint(Shape):
    key: str
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"]


class FlavorToleration(Shape):
    key: str
    operator: Literal["Equal", "Exists"] = "Equal"
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None


class ResourceFlavor(Shape):
    """kueue.x-k8s.io/v1beta2."""

    nodeLabels: Labels = {}
    nodeTaints: list[Taint] = []
    tolerations: list[FlavorToleration] = []


class Quota(Shape):
    name: str
    nominalQuota: Quantity


class FlavorQuotas(Shape):
    name: str
    resources: list[Quota]


class ResourceGroup(Shape):
    coveredResources: Annotated[list[str], Field(min_length=1)]
    flavors: Annotated[list[FlavorQuotas], Field(min_length=1)]

    @model_validator(mode="after")
    def _every_flavor_lists_every_resource(self) -> "ResourceGroup":
        for flavor in self.flavors:
            if [one.name for one in flavor.resources] != self.coveredResources:
                raise ValueError(
                    f"the flavor {flavor.name} does not list the covered resources, in their order"
                )
        return self


class ClusterQueue(Shape):
    """kueue.x-k8s.io/v1beta2."""

    namespaceSelector: Selector
    queueingStrategy: Literal["StrictFIFO", "BestEffortFIFO"] = "BestEffortFIFO"
    resourceGroups: Annotated[list[ResourceGroup], Field(max_length=16)]


class LocalQueue(Shape):
    """kueue.x-k8s.io/v1beta2."""

    clusterQueue: str


class Gpu(Shape):
    type: str
    count: Annotated[int, Field(ge=1)]
    driverVersion: Literal["default", "latest", "disabled"] = "default"


class Storage(Shape):
    bootDiskType: Literal["pd-balanced", "pd-standard", "pd-ssd", "hyperdisk-balanced"]
    bootDiskSize: Annotated[int, Field(ge=10)]


class Enabled(Shape):
    enabled: bool


class Priority(Shape):
    machineType: str
    gpu: Gpu | None = None
    storage: Storage | None = None
    spot: bool = False
    flexStart: Enabled | None = None


class NodePoolConfig(Shape):
    serviceAccount: str
    imageStreaming: Enabled | None = None


class ActiveMigration(Shape):
    optimizeRulePriority: bool


class ComputeClass(Shape):
    """cloud.google.com/v1, of GKE."""

    priorities: Annotated[list[Priority], Field(min_length=1)]
    nodePoolAutoCreation: Enabled
    nodePoolConfig: NodePoolConfig
    whenUnsatisfiable: Literal["DoNotScaleUp", "ScaleUpAnyway"]
    activeMigration: ActiveMigration


class Relabeling(Shape):
    action: Literal[
        "keep",
        "drop",
        "replace",
        "labelmap",
        "labeldrop",
        "labelkeep",
        "hashmod",
        "lowercase",
        "uppercase",
    ]
    sourceLabels: list[str] = []
    regex: str | None = None
    replacement: str | None = None
    targetLabel: str | None = None


class Endpoint(Shape):
    port: str | None = None
    path: str | None = None
    interval: Duration
    scrapeTimeout: Duration | None = None
    honorLabels: bool = False
    relabelings: list[Relabeling] = []


class PodMonitor(Shape):
    """monitoring.coreos.com/v1."""

    selector: Selector
    podMetricsEndpoints: Annotated[list[Endpoint], Field(min_length=1)]


class Rule(Shape):
    alert: str | None = None
    record: str | None = None
    expr: str
    for_: Annotated[Duration | None, Field(alias="for")] = None
    labels: Labels = {}
    annotations: Labels = {}


class RuleGroup(Shape):
    name: str
    interval: Duration | None = None
    rules: list[Rule]


class PrometheusRule(Shape):
    """monitoring.coreos.com/v1. promtool checks the expressions."""

    groups: list[RuleGroup]


SHAPES = {
    ("kueue.x-k8s.io/v1beta2", shape.__name__): shape
    for shape in (ResourceFlavor, ClusterQueue, LocalQueue)
}
SHAPES[("cloud.google.com/v1", "ComputeClass")] = ComputeClass
SHAPES |= {
    ("monitoring.coreos.com/v1", shape.__name__): shape for shape in (PodMonitor, PrometheusRule)
}

# Values that Kubernetes' published schemas leave open: the last names of a path, and what its API
# server accepts there.
ENUMS = {
    ("strategy", "type"): {"Recreate", "RollingUpdate"},
    ("policyTypes",): {"Ingress", "Egress"},
    ("protocol",): {"TCP", "UDP", "SCTP"},
    ("imagePullPolicy",): {"Always", "IfNotPresent", "Never"},
    ("restartPolicy",): {"Always", "OnFailure", "Never"},
    ("accessModes",): {"ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"},
    ("preemptionPolicy",): {"Never", "PreemptLowerPriority"},
    ("limits", "type"): {"Container", "Pod", "PersistentVolumeClaim"},
    ("seccompProfile", "type"): {"RuntimeDefault", "Localhost"},
    ("roleRef", "kind"): {"Role", "ClusterRole"},
    ("subjects", "kind"): {"ServiceAccount", "User", "Group"},
    ("operator",): {"In", "NotIn", "Exists", "DoesNotExist", "Equal"},
    ("concurrencyPolicy",): {"Allow", "Forbid", "Replace"},
    **{
        ("labels", f"pod-security.kubernetes.io/{mode}"): {"privileged", "baseline", "restricted"}
        for mode in ("enforce", "audit", "warn")
    },
}
# Names whose values are amounts.
AMOUNTS = {"requests", "limits", "hard", "default", "defaultRequest", "max", "min", "sizeLimit"}


def shapes(objects: list[Manifest]) -> Iterator[str]:
    """Objects against their schema, in every version; each fault is reported once."""
    for one in objects:
        shape = SHAPES.get((one.data["apiVersion"], one.kind))
        faults = _own(one, shape) if shape else (_published(one, version) for version in VERSIONS)
        yield from dict.fromkeys(fault for fault in faults if fault)


def _own(one: Manifest, shape: type[Shape]) -> Iterator[str]:
    unknown = one.data.keys() - {"apiVersion", "kind", "metadata", "spec"}
    if unknown:
        yield f"{one}: {', '.join(sorted(unknown))} is not a field of a {one.kind}."
    try:
        TypeAdapter(shape).validate_python(one.spec)
    except ValidationError as error:
        for fault in error.errors():
            field = ".".join(map(str, fault["loc"]))
            yield f"{one}: spec.{field}: {fault['msg'].removeprefix('Value error, ')}."


def _published(one: Manifest, version: str) -> str | None:
    try:
        kubernetes_validate.validate(one.data, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        field = ".".join(map(str, error.path)) or "it"
        return f"{one}: {field}: {error.message} (Kubernetes {error.version})."
    except kubernetes_validate.SchemaNotFoundError:
        return (
            f"{one}: Kubernetes {version} has no {one.kind} in {one.data['apiVersion']}; "
            "correct apiVersion or kind."
        )
    return None


def enums(objects: list[Manifest]) -> Iterator[str]:
    """Values that the published schemas accept and the API server refuses."""
    for one in objects:
        for path, value in fields(one.data):
            for ending, allowed in ENUMS.items():
                if path[-len(ending) :] == ending and value not in allowed:
                    known = ", ".join(sorted(allowed))
                    yield f"{one}: {'.'.join(path)} is {value!r}; allowed are {known}."


def amounts(objects: list[Manifest]) -> Iterator[str]:
    """Amounts that are not a Kubernetes quantity."""
    for one in objects:
        for path, value in fields(one.data):
            if (
                any(parent in AMOUNTS and name not in ("type",) for parent, name in pairwise(path))
                and quantity(value) is None
            ):
                yield (
                    f"{one}: {'.'.join(path)} is {value!r}, which is no quantity; "
                    "examples: 500m, 2, 4Gi."
                )


def schedules(objects: list[Manifest]) -> Iterator[str]:
    """Cron schedules: Kubernetes' have five fields."""
    for one in objects:
        cron = one.spec.get("schedule") if one.kind == "CronJob" else None
        try:
            if cron is not None:
                check_cron(str(cron), seconds=False)
        except WordbrushError as error:
            yield f"{one}: {error}"


def quantity(value: Any) -> float | None:
    """An amount as a number; None where it is none."""
    try:
        text = TypeAdapter(Quantity).validate_python(str(value))
    except ValidationError:
        return None
    number = text.rstrip("mkMGTPEi")
    unit = text[len(number) :]
    if unit == "m":
        return float(number) / 1000
    base = 1024 if unit.endswith("i") else 1000
    return float(number) * base ** (" KMGTPE".index(unit[0].upper()) if unit else 0)
