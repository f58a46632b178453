"""What must agree between the manifests, k8s/pools.yaml and the compiled pipeline.

These are isolation, rights, settings, pages and metrics; capacity.py has queues and budgets.
"""

import json
import re
from collections.abc import Iterator

from k8s.checks.manifests import Manifest, fields
from k8s.checks.references import KFP_LABEL, Cluster
from wordbrush.kubeflow.compiler.pools import OPTIONAL_KEYS, SETTINGS, SETTINGS_KEYS

LAUNCHER, LAUNCHER_KEYS = "kfp-launcher", {"defaultPipelineRoot", "providers"}
KFP_PART = {"application-crd-id": "kubeflow-pipelines"}
PIPELINE_ROOT = re.compile(r"(gs|s3|minio)://[^/\s]+/\S*[^/\s]")
PLACEHOLDER = re.compile(r"\b(PROJECT|BUCKET|NODES)\b")
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


def _only(labels: dict[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in labels.items())
