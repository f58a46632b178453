"""Every check finds its fault: good manifests, changed in one value, give one sentence.

A value is found by its object, `Kind name`, and its path: the names and numbers that lead to it.
"""

from copy import deepcopy
from typing import Any

import pytest

from k8s.checks import capacity, cluster, pods, references, schemas
from k8s.checks.manifests import Manifest, build
from k8s.checks.references import Cluster
from tests.k8s.overlays import ROOT, everything, with_classes
from wordbrush.kubeflow.compiler.pools import Pools, load_pools

pytestmark = pytest.mark.cluster
GONE = object()
GATEWAY, QUEUE, LOCAL = "Deployment pushgateway", "ClusterQueue wordbrush", "LocalQueue wordbrush"
FLAVOR, SCRAPE = "ResourceFlavor wordbrush-gpu", "NetworkPolicy prometheus-to-runs"
MONITOR, SERVICE, VOLUME = (
    "PodMonitor wordbrush",
    "Service pushgateway",
    "PersistentVolumeClaim pushgateway",
)
NAMESPACE, LIMITS, QUOTA = "Namespace kubeflow", "LimitRange wordbrush", "ResourceQuota wordbrush"
DENY, TO_DNS, TO_KFP = (
    f"NetworkPolicy {name}" for name in ("runs-default-deny", "runs-to-dns", "runs-to-kfp")
)
ROLE, BINDING, SETTINGS = "Role wordbrush", "RoleBinding wordbrush", "ConfigMap wordbrush"
POD = "spec template spec"
CONTAINER = f"{POD} containers 0"
RUNS = "pipelines.kubeflow.org/v2_component"


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> list[Manifest]:
    return everything(tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def pools() -> Pools:
    return load_pools(ROOT / "k8s/pools.yaml")


def changed(objects: list[Manifest], which: str, path: str, value: Any) -> list[Manifest]:
    """A copy in which one value of one object is replaced, or removed (GONE)."""
    copy = [Manifest(deepcopy(one.data)) for one in objects]
    (one,) = (one for one in copy if str(one) == which)
    *steps, last = (int(step) if step.isdecimal() else step for step in path.split())
    inner: Any = one.data
    for step in steps:
        inner = inner[step]
    if value is GONE:
        del inner[last]
    else:
        inner[last] = value
    return copy


def around(objects: list[Manifest], pools: Pools) -> Cluster:
    return references.surroundings(objects, pools, "kubeflow")


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (GATEWAY, "spec replcias", 2, "replcias"),
        (GATEWAY, "spec replicas", "one", "spec.replicas: 'one' is not of type"),
        (GATEWAY, "apiVersion", "extensions/v1beta1", "has no Deployment in extensions/v1beta1"),
        (QUEUE, "spec cohort", "all", "spec.cohort: Extra inputs"),
        (QUEUE, "spec queueingStrategy", "FIFO", "spec.queueingStrategy"),
        (
            QUEUE,
            "spec resourceGroups 0 flavors 0 resources 2",
            GONE,
            "does not list the covered resources",
        ),
        (QUEUE, "spek", {}, "spek is not a field"),
        (FLAVOR, "spec nodeTaints 0 effect", "Never", "nodeTaints.0.effect"),
        (LOCAL, "spec clusterQueue", GONE, "spec.clusterQueue: Field required"),
        (MONITOR, "spec podMetricsEndpoints 0 interval", "often", "interval"),
        (MONITOR, "spec podMetricsEndpoints 0 relabelings 0 action", "hold", "action"),
    ],
)
def test_shapes(good, which, path, value, sentence):
    faults = list(
        schemas.shapes([one for one in changed(good, which, path, value) if str(one) == which])
    )
    assert any(sentence in fault for fault in faults), faults
    assert all(fault.startswith(which) and fault.endswith(".") for fault in faults)


def test_a_fault_is_named_with_each_version_that_has_it(good):
    faults = list(
        schemas.shapes(
            [one for one in changed(good, GATEWAY, "spec replicas", "one") if str(one) == GATEWAY]
        )
    )
    named = [fault.rpartition("Kubernetes ")[2] for fault in faults]
    assert named == [f"{version.rpartition('.')[0]})." for version in schemas.VERSIONS]


def test_alert_rules_have_a_shape():
    rule = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "wordbrush"},
        "spec": {
            "groups": [{"name": "a", "rules": [{"alert": "A", "expr": "up == 0", "for": "5m"}]}]
        },
    }
    assert list(schemas.shapes([Manifest(rule)])) == []
    (worse,) = changed(
        [Manifest(rule)], "PrometheusRule wordbrush", "spec groups 0 rules 0 for", "a while"
    )
    assert "rules.0.for" in next(schemas.shapes([worse]))


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (
            GATEWAY,
            "spec strategy type",
            "Replace",
            "spec.strategy.type is 'Replace'; allowed are Recreate, RollingUpdate.",
        ),
        (GATEWAY, f"{CONTAINER} imagePullPolicy", "Sometimes", "imagePullPolicy"),
        (NAMESPACE, "metadata labels pod-security.kubernetes.io/warn", "strict", "'strict'"),
        (TO_DNS, "spec policyTypes", ["Out"], "policyTypes"),
        (TO_DNS, "spec egress 0 ports 0 protocol", "udp", "'udp'"),
        (VOLUME, "spec accessModes", ["RWO"], "accessModes"),
        ("PriorityClass wordbrush", "preemptionPolicy", "No", "preemptionPolicy"),
        (LIMITS, "spec limits 0 type", "Containers", "limits.type"),
        (BINDING, "roleRef kind", "Roles", "roleRef.kind"),
    ],
)
def test_enums(good, which, path, value, sentence):
    assert list(schemas.enums(good)) == []
    (fault,) = schemas.enums(changed(good, which, path, value))
    assert sentence in fault


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (GATEWAY, f"{CONTAINER} resources limits memory", "128MB", "'128MB', which is no quantity"),
        (QUOTA, "spec hard pods", "many", "spec.hard.pods is 'many'"),
        (LIMITS, "spec limits 0 max cpu", "eight", "limits.max.cpu"),
        (VOLUME, "spec resources requests storage", "1GiB", "requests.storage"),
    ],
)
def test_amounts(good, which, path, value, sentence):
    assert list(schemas.amounts(good)) == []
    (fault,) = schemas.amounts(changed(good, which, path, value))
    assert sentence in fault


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2),
        ("4Gi", 4 * 2**30),
        ("1.5Gi", 1.5 * 2**30),
        ("10M", 1e7),
        ("1k", 1000),
        ("", None),
        ("-1", None),
        ("4gb", None),
    ],
)
def test_quantities(text, number):
    assert schemas.quantity(text) == number


@pytest.mark.parametrize("cron", ["0 3 * *", "0 0 3 * * 1", "61 3 * * 1", "weekly"])
def test_schedules(cron):
    job = {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 3 * * 1"},
    }
    assert list(schemas.schedules([Manifest(job)])) == []
    job["spec"]["schedule"] = cron
    assert "five fields are needed" in next(schemas.schedules([Manifest(job)]))


@pytest.mark.parametrize(
    "image", ["pushgateway", "prom/pushgateway:latest", "registry:5000/pushgateway", "x@sha256:123"]
)
def test_images(good, image):
    assert list(pods.images(good)) == []
    (fault,) = pods.images(changed(good, GATEWAY, f"{CONTAINER} image", image))
    assert "names no version" in fault


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (f"{POD} securityContext runAsNonRoot", GONE, "needs runAsNonRoot: true."),
        (f"{CONTAINER} securityContext runAsUser", 0, "needs runAsUser other than 0."),
        (f"{CONTAINER} securityContext privileged", True, "needs no privileged."),
        (
            f"{CONTAINER} securityContext readOnlyRootFilesystem",
            False,
            "needs readOnlyRootFilesystem: true.",
        ),
        (
            f"{CONTAINER} securityContext allowPrivilegeEscalation",
            GONE,
            "needs allowPrivilegeEscalation: false.",
        ),
        (f"{CONTAINER} securityContext capabilities add", ["NET_ADMIN"], "needs capabilities"),
        (f"{POD} securityContext seccompProfile type", "Unconfined", "needs seccompProfile"),
        (f"{POD} hostNetwork", True, "hostNetwork opens the node"),
        (
            f"{POD} volumes 0",
            {"name": "node", "hostPath": {"path": "/"}},
            "the hostPath node opens the node",
        ),
    ],
)
def test_privileges(good, path, value, sentence):
    assert list(pods.privileges(good)) == []
    (fault,) = pods.privileges(changed(good, GATEWAY, path, value))
    assert sentence in fault


def test_init_containers_are_containers(good):
    bad = {"name": "chown", "image": "busybox", "securityContext": {"runAsUser": 0}}
    worse = changed(good, GATEWAY, f"{POD} initContainers", [bad])
    assert all(
        "chown" in next(check(worse)) for check in (pods.images, pods.privileges, pods.bounds)
    )


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (f"{CONTAINER} resources limits memory", GONE, "needs a request and a limit of memory"),
        (f"{CONTAINER} resources requests cpu", "2", "requests more cpu than its limit"),
    ],
)
def test_bounds(good, path, value, sentence):
    assert list(pods.bounds(good)) == []
    (fault,) = pods.bounds(changed(good, GATEWAY, path, value))
    assert sentence in fault


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (GATEWAY, f"{POD} serviceAccountName", "pusher", "no ServiceAccount pusher"),
        (GATEWAY, f"{POD} priorityClassName", "high", "no PriorityClass high"),
        (
            GATEWAY,
            f"{CONTAINER} envFrom",
            [{"configMapRef": {"name": "other"}}],
            "no ConfigMap other",
        ),
        (
            GATEWAY,
            f"{CONTAINER} env",
            [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "key", "key": "a"}}}],
            "no Secret key",
        ),
        (VOLUME, "metadata name", "other", "no PersistentVolumeClaim pushgateway"),
        (BINDING, "subjects 0 name", "nobody", "no ServiceAccount nobody"),
        (BINDING, "roleRef name", "admin", "no Role admin"),
        (LOCAL, "spec clusterQueue", "big", "no ClusterQueue big"),
        (FLAVOR, "metadata name", "l4", "no ResourceFlavor wordbrush-gpu"),
    ],
)
def test_names(good, pools, which, path, value, sentence):
    assert list(references.names(around(good, pools))) == []
    (fault,) = references.names(around(changed(good, which, path, value), pools))
    assert sentence in fault


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (DENY, f"spec podSelector matchLabels {RUNS}", "yes", f"no pod has the labels {RUNS}=yes"),
        (
            TO_KFP,
            "spec egress 0 to 0 podSelector matchLabels app",
            "minio",
            "no pod has the labels app=minio",
        ),
        (TO_KFP, "spec egress 0 ports 0 port", 8880, "listens on the port 8880"),
        (TO_KFP, "spec egress 0 to", GONE, "without to or ports allows everything"),
        (
            TO_DNS,
            "spec egress 0 to 0 namespaceSelector",
            GONE,
            "no pod has the labels k8s-app=kube-dns",
        ),
        (SCRAPE, "spec ingress 0 ports 0 port", 9101, "listens on the port 9101"),
        (SCRAPE, "spec policyTypes", ["Egress"], "policyTypes lacks Ingress"),
        (SERVICE, "spec selector", {"app": "pushgateway"}, "no pod has the labels app=pushgateway"),
        (SERVICE, "spec ports 0 targetPort", "http", "listens on the port http"),
        (
            MONITOR,
            "spec selector matchLabels",
            {"app": "wordbrush"},
            "no pod has the labels app=wordbrush",
        ),
        (
            "PodMonitor pushgateway",
            "spec podMetricsEndpoints 0 port",
            "web",
            "listens on the port web",
        ),
        (GATEWAY, "spec selector matchLabels", {"a": "b"}, "does not match its own pods"),
    ],
)
def test_selectors(good, pools, which, path, value, sentence):
    assert list(references.selectors(around(good, pools))) == []
    faults = list(references.selectors(around(changed(good, which, path, value), pools)))
    assert any(fault.startswith(which) and sentence in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (
            NAMESPACE,
            "metadata labels pod-security.kubernetes.io/enforce",
            "baseline",
            "enforce must be restricted",
        ),
        (DENY, "spec policyTypes", ["Ingress"], "no NetworkPolicy denies"),
        (DENY, "spec egress", [{}], "no NetworkPolicy denies"),
        (
            SERVICE,
            "metadata namespace",
            "kubeflw",
            "its namespace is kubeflw; the overlay makes kubeflow",
        ),
    ],
)
def test_namespaces(good, which, path, value, sentence):
    assert list(cluster.namespaces(good)) == []
    (fault,) = cluster.namespaces(changed(good, which, path, value))
    assert sentence in fault


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("rules 2 verbs", ["*"], "* gives more"),
        ("rules 2 resources", ["pods/exec"], "pods/exec gives more"),
        ("rules 4 verbs", ["get", "list"], "secrets may only be read"),
        ("rules 4 resourceNames", GONE, "secrets may only be read"),
    ],
)
def test_rights(good, path, value, sentence):
    assert list(cluster.rights(good)) == []
    (fault,) = cluster.rights(changed(good, ROLE, path, value))
    assert sentence in fault


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("data remote", GONE, "remote is missing"),
        ("data remotes", "x", "remotes is read by nobody"),
        ("data metrics-port", "http", "metrics-port is 'http'; a port number"),
        ("data metrics-port", "70000", "metrics-port is '70000'; a port number"),
        ("data remote-options", "{", "remote-options is not JSON"),
        ("data remote", "gs://BUCKET/dvc", "remote is still 'gs://BUCKET/dvc'"),
    ],
)
def test_settings(good, pools, path, value, sentence):
    assert list(cluster.settings(around(good, pools))) == []
    (fault,) = cluster.settings(around(changed(good, SETTINGS, path, value), pools))
    assert sentence in fault


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("data defaultPipelineRoot", "", "defaultPipelineRoot is ''; name a place in a bucket"),
        ("data defaultPipelineRoot", "gs://bucket", "defaultPipelineRoot is 'gs://bucket'"),
        ("data defaultPipelineRoot", "/mnt/pages", "defaultPipelineRoot is '/mnt/pages'"),
        ("data pipelineRoot", "gs://bucket/pages", "KFP reads no pipelineRoot"),
        ("metadata labels", {}, "KFP's own has the label application-crd-id=kubeflow-pipelines"),
    ],
)
def test_where_pages_go(good, pools, path, value, sentence):
    assert list(cluster.pages(around(good, pools))) == []
    (fault,) = cluster.pages(around(changed(good, "ConfigMap kfp-launcher", path, value), pools))
    assert sentence in fault


def test_the_port_of_the_metrics_is_one_everywhere(good, pools):
    assert list(cluster.metrics(around(good, pools))) == []
    moved = around(changed(good, SETTINGS, "data metrics-port", "9200"), pools)
    assert list(cluster.metrics(moved)) == [
        f"{MONITOR}: it asks $1:9100, but the pods of runs serve their metrics on 9200."
    ]
    assert any("listens on the port 9100" in fault for fault in references.selectors(moved))


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (LOCAL, "metadata name", "team", "the pods of runs ask for 'wordbrush'"),
        (
            FLAVOR,
            "spec nodeLabels",
            {"pool": "gpu"},
            "0 flavors have the node labels of the pool gpu (on demand)",
        ),
        (
            f"{FLAVOR}-spot",
            "spec nodeLabels wordbrush/capacity",
            "on-demand",
            "0 flavors have the node labels of the pool gpu (spot)",
        ),
        (FLAVOR, "spec nodeTaints", GONE, "its taints are []"),
        (
            f"{FLAVOR}-spot",
            "spec tolerations",
            GONE,
            "must be those that k8s/pools.yaml names (cloud.google.com/gke-spot)",
        ),
        (
            f"{FLAVOR}-spot",
            "spec tolerations 0 value",
            "yes",
            "must be those that k8s/pools.yaml names (cloud.google.com/gke-spot)",
        ),
        (
            FLAVOR,
            "spec tolerations",
            [{"key": "cloud.google.com/gke-spot", "operator": "Exists", "effect": "NoSchedule"}],
            "must be those that k8s/pools.yaml names (nothing)",
        ),
        (
            QUEUE,
            "spec resourceGroups 0 flavors 1 resources 0 nominalQuota",
            "7",  # the stage alone; its sidecar needs more
            "the quota of cpu for the pool gpu (on demand)",
        ),
    ],
)
def test_queues(good, pools, which, path, value, sentence):
    assert list(capacity.queues(around(good, pools), pools)) == []
    faults = list(capacity.queues(around(changed(good, which, path, value), pools), pools))
    assert sentence in faults[0]


def test_spot_nodes_are_tried_first(good, pools):
    (queue,) = (one for one in good if str(one) == QUEUE)
    spot, on_demand, *others = queue.spec["resourceGroups"][0]["flavors"]
    path = "spec resourceGroups 0 flavors"
    swapped = changed(good, QUEUE, path, [on_demand, spot, *others])
    assert list(capacity.queues(around(swapped, pools), pools)) == [
        "ClusterQueue: wordbrush-gpu stands before wordbrush-gpu-spot, so no pod of the pool gpu "
        "would run on spot nodes; name spot first."
    ]


GPU_CLASS = "ComputeClass wordbrush-gpu"


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("metadata name", "gpus", "the pool gpu asks for 'wordbrush-gpu'"),
        ("spec priorities 0 spot", False, "its first priority is not spot"),
        ("spec priorities 2 gpu count", 2, "a node of g2-standard-8 must have 1 GPUs for gpu"),
    ],
)
def test_compute_classes(tmp_path, path, value, sentence):
    classes = build(with_classes(tmp_path))
    own = load_pools(ROOT / "k8s/components/compute-classes/pools.yaml")
    assert list(capacity.classes(around(classes, own), own)) == []
    (fault,) = capacity.classes(around(changed(classes, GPU_CLASS, path, value), own), own)
    assert sentence in fault


def test_pools_of_compute_classes_are_the_others_elsewhere(pools):
    """Only the nodes differ, so a stage runs the same on both."""
    own = load_pools(ROOT / "k8s/components/compute-classes/pools.yaml")
    nodes = {"node_selector", "tolerations"}
    assert {name: pool.model_dump(exclude=nodes) for name, pool in own.pools.items()} == {
        name: pool.model_dump(exclude=nodes) for name, pool in pools.pools.items()
    }
    assert own.stages == pools.stages and own.groups == pools.groups


def test_nodes_of_compute_classes_must_be_named(tmp_path, pools):
    classes = build(with_classes(tmp_path))
    path = "spec nodePoolConfig serviceAccount"
    (fault,) = cluster.settings(around(changed(classes, GPU_CLASS, path, "NODES"), pools))
    assert fault.startswith(f"{GPU_CLASS}: serviceAccount is still 'NODES'")


def test_compute_classes_have_a_shape(tmp_path):
    classes = build(with_classes(tmp_path))
    worse = changed(classes, GPU_CLASS, "spec priorities 0 spott", True)
    assert "priorities.0.spott" in next(schemas.shapes(worse))


@pytest.mark.parametrize(
    ("which", "path", "value", "sentence"),
    [
        (LIMITS, "spec limits 0 max memory", "16Gi", "the pool gpu asks for more"),
        (QUOTA, "spec hard requests.nvidia.com/gpu", "4", "requests.nvidia.com/gpu is less"),
        (QUOTA, "spec hard requests.cpu", "48", "requests.cpu is less"),
    ],
)
def test_budgets(good, pools, which, path, value, sentence):
    assert list(capacity.budgets(around(good, pools), pools)) == []
    faults = list(capacity.budgets(around(changed(good, which, path, value), pools), pools))
    assert sentence in faults[-1]
