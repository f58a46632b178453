"""Names that must exist, and selectors that must match a pod.

The pod may be one of ours, a stage's, or a neighbour's (k8s/neighbours.yaml).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from ruamel.yaml import YAML

from k8s.checks.manifests import Manifest, containers, pod_template
from wordbrush.kubeflow.compiler.pools import SETTINGS, Pools, Strict
from wordbrush.storage.validation import validated

NEIGHBOURS = Path(__file__).resolve().parents[1] / "neighbours.yaml"
KFP_LABEL = {"pipelines.kubeflow.org/v2_component": "true"}  # KFP puts it on every pod of a run


class Listening(Strict):
    """Pods that somebody runs: where, with which labels, and the ports on which they answer."""

    namespace: str
    labels: dict[str, str]
    ports: list[int | str] = Field(default_factory=list)


@dataclass(frozen=True)
class Cluster:
    """Our objects among all pods that their selectors may mean."""

    objects: list[Manifest]
    pods: list[Listening]

    def settings(self, name: str) -> dict[str, str]:
        """The data of a ConfigMap; empty where there is none."""
        return next(
            (
                one.data.get("data", {})
                for one in self.objects
                if (one.kind, one.name) == ("ConfigMap", name)
            ),
            {},
        )

    def matching(self, namespaces: set[str], labels: dict[str, str]) -> list[Listening]:
        return [
            pod
            for pod in self.pods
            if pod.namespace in namespaces and labels.items() <= pod.labels.items()
        ]


def surroundings(objects: list[Manifest], pools: Pools, namespace: str) -> Cluster:
    """Objects, the pods that they make, the pods of stages, and the neighbours."""
    pods = validated(
        list[Listening],
        YAML(typ="safe").load(NEIGHBOURS.read_text(encoding="utf-8")),
        str(NEIGHBOURS),
    )
    port = Cluster(objects, []).settings(SETTINGS).get("metrics-port", "")
    pods.append(
        Listening(
            namespace=namespace,
            labels=pools.labels | KFP_LABEL,
            ports=[int(port)] if port.isdecimal() else [],
        )
    )
    for one in objects:
        pod = pod_template(one)
        if pod:
            ports = [port for container in containers(pod) for port in container.get("ports", [])]
            known = [
                name for port in ports for name in (port["containerPort"], port.get("name")) if name
            ]
            pods.append(
                Listening(
                    namespace=one.namespace or "default",
                    labels=pod["metadata"].get("labels", {}),
                    ports=known,
                )
            )
    return Cluster(objects, pods)


def names(cluster: Cluster) -> Iterator[str]:
    """References to objects that nobody makes."""
    made = {(one.kind, one.namespace, one.name) for one in cluster.objects}
    for one in cluster.objects:
        for kind, name in _named(one):
            if (kind, one.namespace, name) not in made and (kind, None, name) not in made:
                yield f"{one}: there is no {kind} {name}; correct the name or add the object."


def _named(one: Manifest) -> Iterator[tuple[str, str]]:
    if one.kind in ("RoleBinding", "ClusterRoleBinding"):
        yield one.data["roleRef"]["kind"], one.data["roleRef"]["name"]
        yield from (
            ("ServiceAccount", who["name"])
            for who in one.data.get("subjects", [])
            if who["kind"] == "ServiceAccount"
        )
    if one.kind == "LocalQueue":
        yield "ClusterQueue", one.spec["clusterQueue"]
    if one.kind == "ClusterQueue":
        yield from (
            ("ResourceFlavor", flavor["name"])
            for group in one.spec["resourceGroups"]
            for flavor in group["flavors"]
        )
    pod = pod_template(one)
    if pod:
        yield from _named_by_pod(pod["spec"])


def _named_by_pod(spec: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if spec.get("serviceAccountName", "default") != "default":
        yield "ServiceAccount", spec["serviceAccountName"]
    if "priorityClassName" in spec:
        yield "PriorityClass", spec["priorityClassName"]
    for volume in spec.get("volumes", []):
        for source, (kind, field) in {
            "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
            "configMap": ("ConfigMap", "name"),
            "secret": ("Secret", "secretName"),
        }.items():
            if source in volume:
                yield kind, volume[source][field]
    for container in containers({"spec": spec}):
        for variable in container.get("env", []):
            for source, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if source in variable.get("valueFrom", {}):
                    yield kind, variable["valueFrom"][source]["name"]
        for block in container.get("envFrom", []):
            for source, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if source in block:
                    yield kind, block[source]["name"]


def selectors(cluster: Cluster) -> Iterator[str]:
    """Selectors that match no pod, and ports on which no matched pod listens."""
    for one in cluster.objects:
        own = one.namespace or "default"
        if one.kind == "NetworkPolicy":
            yield from _policy(cluster, one, own)
        elif one.kind == "Service" and "selector" in one.spec:
            found = cluster.matching({own}, one.spec["selector"])
            wanted = [port.get("targetPort", port["port"]) for port in one.spec["ports"]]
            yield from _matched(one, one.spec["selector"], found, wanted)
        elif one.kind == "PodMonitor":
            labels = one.spec["selector"]["matchLabels"]
            wanted = [
                endpoint["port"]
                for endpoint in one.spec["podMetricsEndpoints"]
                if "port" in endpoint
            ]
            yield from _matched(one, labels, cluster.matching({own}, labels), wanted)
        elif one.kind in ("Deployment", "StatefulSet", "DaemonSet"):
            labels = one.spec["selector"]["matchLabels"]
            if not labels.items() <= one.spec["template"]["metadata"].get("labels", {}).items():
                yield f"{one}: its selector {_text(labels)} does not match its own pods."


def _policy(cluster: Cluster, one: Manifest, own: str) -> Iterator[str]:
    labels = one.spec.get("podSelector", {}).get("matchLabels", {})
    guarded = cluster.matching({own}, labels)
    incoming = [
        port["port"] for rule in one.spec.get("ingress", []) for port in rule.get("ports", [])
    ]
    yield from _matched(one, labels, guarded, incoming)
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for rule in one.spec.get(way, []):
            if not rule.get("ports") or not rule.get(peers):
                yield (
                    f"{one}: a rule of {way} without {peers} or ports allows everything; name both."
                )
            if way.capitalize() not in one.spec.get("policyTypes", ["Ingress"]):
                yield f"{one}: it has rules of {way}, but policyTypes lacks {way.capitalize()}."
            for peer in rule.get(peers, []):
                if "ipBlock" in peer:
                    continue
                within = peer.get("namespaceSelector", {}).get("matchLabels")
                spaces = (
                    {own} if within is None else {within.get("kubernetes.io/metadata.name", "")}
                )
                wanted = peer.get("podSelector", {}).get("matchLabels", {})
                ports = [port["port"] for port in rule.get("ports", [])] if way == "egress" else []
                yield from _matched(one, wanted, cluster.matching(spaces, wanted), ports)


def _matched(
    one: Manifest, labels: dict[str, str], pods: list[Listening], ports: list[int | str]
) -> Iterator[str]:
    if not pods:
        yield (
            f"{one}: no pod has the labels {_text(labels)}; correct them, or describe the pod in "
            f"{NEIGHBOURS.name}."
        )
        return
    listening = {port for pod in pods for port in pod.ports}
    for port in ports:
        if port not in listening:
            yield f"{one}: no pod with the labels {_text(labels)} listens on the port {port}."


def _text(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items()) or "of its namespace"
