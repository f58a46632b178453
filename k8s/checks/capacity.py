"""What a cluster has room for, against the pools: queues, compute classes, quota and limits."""

from collections.abc import Generator, Iterator

from k8s.checks.manifests import Manifest
from k8s.checks.references import Cluster
from k8s.checks.schemas import quantity
from wordbrush.kubeflow.compiler.pools import Placement, Pool, Pools, Toleration

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
CLASS_LABEL = "cloud.google.com/compute-class"  # also the key of the taint of its nodes


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
