"""What must agree between the manifests, k8s/pools.yaml and the compiled pipeline.

These are isolation, rights, settings, queues and budgets.
"""

import json
import re
from collections.abc import Generator, Iterator

from k8s.checks.manifests import Manifest, fields
from k8s.checks.references import KFP_LABEL, Cluster
from k8s.checks.schemas import quantity
from wordbrush.kubeflow.compiler.pools import (
    OPTIONAL_KEYS,
    SETTINGS,
    SETTINGS_KEYS,
    Placement,
    Pool,
    Pools,
    Toleration,
)

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
CLASS_LABEL = "cloud.google.com/compute-class"  # also the key of the taint of its nodes
LAUNCHER, LAUNCHER_KEYS = "kfp-launcher", {"defaultPipelineRoot", "providers"}
KFP_PART = {"application-crd-id": "kubeflow-pipelines"}
PIPELINE_ROOT = re.compile(r"(gs|s3|minio)://[^/\s]+/\S*[^/\s]")
PLACEHOLDER = re.compile(r"\b(PROJECT|BUCKET|SERVICE_ACCOUNT)\b")
# Resources and verbs that no training needs.
RESOURCES = {"pods/exec", "pods/attach", "pods/portforward", "serviceaccounts/token", "*"}
VERBS = {"*", "escalate", "bind", "impersonate"}


def namespaces(objects: list[Manifest]) -> Iterator[str]:
    """Objects outside a namespace that is ours and enforces the restricted standard."""
    made = {one.name: one for one in objects if one.kind == "Namespace"}
    for one in objects:
        if one.namespace and one.namespace not in made:
            known = ", ".join(made) or "none"
            yield f"{one}: its namespace is {one.namespace}; the overlay makes {known}."
    for one in made.values():
        for mode in ("enforce", "audit", "warn"):
            if (
                one.data["metadata"].get("labels", {}).get(f"pod-security.kubernetes.io/{mode}")
                != "restricted"
            ):
                yield f"{one}: the label pod-security.kubernetes.io/{mode} must be restricted."
        if not any(
            other.kind == "NetworkPolicy" and other.namespace == one.name and _denies_all(other)
            for other in objects
        ):
            yield (
                f"{one}: no NetworkPolicy denies the pods of runs ({_only(KFP_LABEL)}) everything "
                "that is not listed."
            )


def _denies_all(policy: Manifest) -> bool:
    return (
        policy.spec.get("podSelector", {}).get("matchLabels", {}).items() <= KFP_LABEL.items()
        and sorted(policy.spec.get("policyTypes", [])) == ["Egress", "Ingress"]
        and not policy.spec.get("ingress")
        and not policy.spec.get("egress")
    )


def rights(objects: list[Manifest]) -> Iterator[str]:
    """Roles that give more than a run needs."""
    for one in objects:
        for rule in one.data.get("rules", []) if one.kind in ("Role", "ClusterRole") else []:
            resources = set(rule.get("resources", []))
            broad = (
                (VERBS & set(rule["verbs"]))
                | (RESOURCES & resources)
                | ({"*"} & set(rule.get("apiGroups", [])))
            )
            if broad:
                named = ", ".join(sorted(broad))
                yield f"{one}: {named} gives more than a run needs; name what it does."
            if "secrets" in resources and (
                set(rule["verbs"]) != {"get"} or not rule.get("resourceNames")
            ):
                yield f"{one}: secrets may only be read (get), and one by one (resourceNames)."


def settings(cluster: Cluster) -> Iterator[str]:
    """The ConfigMap that the compiled pipeline reads, and values that are still to be filled in."""
    data = cluster.settings(SETTINGS)
    own = f"ConfigMap {SETTINGS}"
    missing = ", ".join(sorted(SETTINGS_KEYS.keys() - data.keys()))
    unknown = ", ".join(sorted(data.keys() - SETTINGS_KEYS.keys() - OPTIONAL_KEYS.keys()))
    if missing:
        yield f"{own}: {missing} is missing, and no pod of a run would start."
    if unknown:
        yield f"{own}: {unknown} is read by nobody; remove it or correct its name."
    port = data.get("metrics-port", "9100")
    if not (port.isdecimal() and 1 <= int(port) <= 65535):
        yield f"{own}: metrics-port is {port!r}; a port number from 1 to 65535 is needed."
    try:
        json.loads(data.get("remote-options", "{}"))
    except json.JSONDecodeError as error:
        yield f"{own}: remote-options is not JSON ({error})."
    for one in cluster.objects:
        for path, value in fields(one.data):
            if isinstance(value, str) and PLACEHOLDER.search(value):
                yield (
                    f"{one}: {path[-1]} is still {value!r}; write yours into settings.env "
                    "(docs/cluster.md)."
                )


def pages(cluster: Cluster) -> Iterator[str]:
    """KFP's ConfigMap that says where pages go, where an overlay has it.

    Its keys are those of KFP 2.17.0 (backend/src/v2/config/env.go), its label that of
    manifests/kustomize/env/platform-agnostic: an object that lost it is no part of KFP any more.
    """
    for one in cluster.objects:
        if (one.kind, one.name) != ("ConfigMap", LAUNCHER):
            continue
        data = one.data.get("data", {})
        if unknown := ", ".join(sorted(data.keys() - LAUNCHER_KEYS)):
            yield f"{one}: KFP reads no {unknown}; it reads {', '.join(sorted(LAUNCHER_KEYS))}."
        root = data.get("defaultPipelineRoot", "")
        if not PIPELINE_ROOT.fullmatch(root):
            yield (
                f"{one}: defaultPipelineRoot is {root!r}; name a place in a bucket, such as "
                "gs://my-bucket/pages."
            )
        if not KFP_PART.items() <= one.data["metadata"].get("labels", {}).items():
            yield f"{one}: KFP's own has the label {_only(KFP_PART)}; applying would remove it."


def metrics(cluster: Cluster) -> Iterator[str]:
    """The port of the metrics, in the ConfigMap and in the addresses that Prometheus scrapes."""
    port = cluster.settings(SETTINGS).get("metrics-port")
    for one in cluster.objects:
        for endpoint in one.spec.get("podMetricsEndpoints", []) if one.kind == "PodMonitor" else []:
            rules = endpoint.get("relabelings", [])
            addresses = [
                rule["replacement"] for rule in rules if rule.get("targetLabel") == "__address__"
            ]
            if "port" not in endpoint and addresses != [f"$1:{port}"]:
                yield (
                    f"{one}: it asks {', '.join(addresses) or 'no port'}, but the pods of runs "
                    f"serve their metrics on {port}."
                )


def queues(cluster: Cluster, pools: Pools) -> Iterator[str]:
    """Kueue's queues, where an overlay has them, against the pools."""
    local = [one for one in cluster.objects if one.kind == "LocalQueue"]
    if not local:
        return
    wanted = pools.labels.get(QUEUE_LABEL)
    if wanted not in {one.name for one in local}:
        yield (
            f"LocalQueue {local[0].name}: the pods of runs ask for {wanted!r} "
            f"({QUEUE_LABEL} in k8s/pools.yaml)."
        )
    flavors = {one.name: one for one in cluster.objects if one.kind == "ResourceFlavor"}
    quotas = {
        flavor["name"]: {
            one["name"]: quantity(one["nominalQuota"]) or 0 for one in flavor["resources"]
        }
        for queue in cluster.objects
        if queue.kind == "ClusterQueue"
        for group in queue.spec["resourceGroups"]
        for flavor in group["flavors"]
    }
    for name, pool in pools.pools.items():
        found = {}
        for where, capacity in (("spot", pools.spot), ("on demand", pools.on_demand)):
            nodes = f"the pool {name} ({where})"
            flavor = yield from _flavor(nodes, pool, capacity, list(flavors.values()))
            if flavor:
                found[where] = flavor.name
                yield from _room(nodes, pod_needs(cluster, pool), quotas.get(flavor.name, {}))
        order = [flavor for flavor in quotas if flavor in found.values()]
        if len(found) == 2 and order and order[0] != found["spot"]:
            yield (
                f"ClusterQueue: {order[0]} stands before {found['spot']}, so no pod of the pool "
                f"{name} would run on spot nodes; name spot first."
            )


def _flavor(
    nodes: str, pool: Pool, capacity: Placement, flavors: list[Manifest]
) -> Generator[str, None, Manifest | None]:
    """The flavor of these nodes.

    Its taints are those that a pod tolerates there, and its tolerations are those that the pod
    itself lacks: what `capacity` adds.
    """
    labels = pool.node_selector | capacity.node_selector
    found = [one for one in flavors if one.spec.get("nodeLabels") == labels]
    if len(found) != 1:
        yield (
            f"ResourceFlavor: {len(found)} flavors have the node labels of {nodes}: {labels}; "
            "one is needed."
        )
        return None
    (flavor,) = found
    taints = {taint["key"] for taint in flavor.spec.get("nodeTaints", [])}
    tolerated = {one.key for one in pool.tolerations + capacity.tolerations}
    if taints != tolerated:
        yield (
            f"{flavor}: its taints are {sorted(taints)}, but {nodes} tolerates {sorted(tolerated)}."
        )
    added = [Toleration(**one) for one in flavor.spec.get("tolerations", [])]
    if added != capacity.tolerations:
        wanted = ", ".join(sorted(one.key for one in capacity.tolerations)) or "nothing"
        yield (
            f"{flavor}: its tolerations must be those that k8s/pools.yaml names ({wanted}), since "
            f"the pods of {nodes} do not bring them."
        )
    return flavor


def _room(nodes: str, wanted: dict[str, float], quota: dict[str, float]) -> Iterator[str]:
    for resource, amount in wanted.items():
        if quota.get(resource, 0) < amount:
            yield (
                f"ClusterQueue: the quota of {resource} for {nodes} is below what a pod needs: "
                "none would start."
            )


def classes(cluster: Cluster, pools: Pools) -> Iterator[str]:
    """GKE's compute classes, where an overlay has them, against the pools."""
    made = {one.name: one for one in cluster.objects if one.kind == "ComputeClass"}
    for name, pool in pools.pools.items() if made else ():
        wanted = pool.node_selector.get(CLASS_LABEL)
        if wanted not in made:
            yield (
                f"ComputeClass: the pool {name} asks for {wanted!r} ({CLASS_LABEL} in its "
                f"node_selector), but there are {', '.join(made)}; name the pools' file (--pools)."
            )
            continue
        one = made[wanted]
        if CLASS_LABEL not in {toleration.key for toleration in pool.tolerations}:
            yield f"{one}: its nodes have the taint {CLASS_LABEL}, which the pool {name} lacks."
        if pool.spot and not one.spec["priorities"][0].get("spot"):
            yield f"{one}: its first priority is not spot, as the pool {name} wants it."
        count = pool.accelerator.count if pool.accelerator else 0
        for rule in one.spec["priorities"]:
            if rule.get("gpu", {}).get("count", 0) != count:
                yield f"{one}: a node of {rule['machineType']} must have {count} GPUs for {name}."


def budgets(cluster: Cluster, pools: Pools) -> Iterator[str]:
    """The quota and limits of the namespace: they must allow each stage, and all that the queue
    admits."""
    for one in cluster.objects:
        for limit in one.spec["limits"] if one.kind == "LimitRange" else []:
            for name, pool in pools.pools.items():
                for resource, amount in needs(pool).items():
                    most = limit.get("max", {}).get(resource)
                    if most and (quantity(most) or 0) < amount:
                        yield (
                            f"{one}: a container may have {most} of {resource}; the pool {name} "
                            "asks for more."
                        )
        if one.kind == "ResourceQuota":
            for resource, admitted in _admitted(cluster, pools).items():
                given = quantity(one.spec["hard"].get(f"requests.{resource}", "0")) or 0
                if given < admitted:
                    yield (
                        f"{one}: requests.{resource} is less than what the queue admits or one "
                        f"stage needs ({admitted:g})."
                    )


def _admitted(cluster: Cluster, pools: Pools) -> dict[str, float]:
    """The most that may run at once: what the queue admits; without one, the largest stage."""
    total: dict[str, float] = {}
    for pool in pools.pools.values():
        for resource, amount in pod_needs(cluster, pool).items():
            total[resource] = max(total.get(resource, 0), amount)
    queued: dict[str, float] = {}
    for queue in (one for one in cluster.objects if one.kind == "ClusterQueue"):
        for group in queue.spec["resourceGroups"]:
            for flavor in group["flavors"]:
                for one in flavor["resources"]:
                    queued[one["name"]] = queued.get(one["name"], 0) + (
                        quantity(one["nominalQuota"]) or 0
                    )
    return total | queued


def needs(pool: Pool) -> dict[str, float]:
    """What the container of a stage asks for."""
    accelerator = {pool.accelerator.type: float(pool.accelerator.count)} if pool.accelerator else {}
    return {"cpu": quantity(pool.cpu) or 0, "memory": quantity(pool.memory) or 0, **accelerator}


def pod_needs(cluster: Cluster, pool: Pool) -> dict[str, float]:
    """What a pod asks for in all. Kueue and the namespace's quota count this.

    Argo's container `wait` stands beside the stage. It requests nothing, so the namespace's
    LimitRange gives it the default.
    """
    beside = {
        resource: quantity(amount) or 0
        for one in cluster.objects
        if one.kind == "LimitRange"
        for limit in one.spec["limits"]
        for resource, amount in limit.get("defaultRequest", {}).items()
    }
    return {name: amount + beside.get(name, 0) for name, amount in needs(pool).items()}


def _only(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items())
