"""k8s/terraform: its files parse, name only what exists, and agree with node pools and queues."""

import re
import shutil
import subprocess

import pytest

from k8s.checks.capacity import pod_needs
from k8s.checks.manifests import build
from k8s.checks.references import Cluster
from k8s.checks.schemas import quantity
from tests.k8s.overlays import ROOT, copied
from tests.k8s.terraform import ENVIRONMENTS, FOLDER, blocks, local_values, read, sources
from wordbrush.kubeflow.compiler.pools import load_pools

pytestmark = pytest.mark.cluster
POOLS = load_pools(ROOT / "k8s/pools.yaml")
NODE_POOLS = local_values()["node_pools"]
TEXT = "\n".join(re.sub(r"(^|\s)#.*", "", path.read_text()) for path in sorted(FOLDER.glob("*.tf")))
MACHINES = {"g2-standard-8": (8, 32), "e2-standard-8": (8, 32)}  # cores, GiB of memory
# What GKE's DaemonSets ask for on a node (Dataplane V2, logs, metrics, DNS, drivers): about.
DAEMONS = {"cpu": 0.5, "memory": 1.0 * 2**30}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Cluster:
    return Cluster(build(copied(tmp_path_factory.mktemp("k8s")) / "overlays/gke"), [])


def test_versions_are_pinned():
    (terraform,) = sources()["versions.tf"]["terraform"]
    (providers,) = terraform["required_providers"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", one["version"]) for one in providers.values())
    used = {kind.partition("_")[0] for kind in (*blocks("resource"), *blocks("data"))}
    assert used == set(providers)


def test_every_name_exists_and_is_used():
    """Variables, locals, resources and data: each that is named is declared, and the other way."""
    assert set(re.findall(r"\bvar\.(\w+)", TEXT)) == set(blocks("variable"))
    assert set(re.findall(r"\blocal\.(\w+)", TEXT)) == set(local_values())
    named = {"data." + one for one in re.findall(r"\bdata\.(google_\w+\.\w+)", TEXT)}
    named |= set(re.findall(r"(?<!data\.)\b(google_\w+\.\w+)", TEXT))
    assert named <= {*blocks("resource"), *("data." + one for one in blocks("data"))}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_each_environment_gives_all_values_that_have_no_default(environment):
    given, declared = read(FOLDER / f"{environment}.tfvars"), blocks("variable")
    wanted = {name for name, one in declared.items() if "default" not in one} - {"project"}
    assert wanted <= set(given) <= set(declared) and given["environment"] == environment
    kinds = {"number": int, "bool": bool, "string": str}
    assert all(type(value) is kinds[declared[name]["type"]] for name, value in given.items())


def test_production_is_protected():
    dev, prod = (read(FOLDER / f"{environment}.tfvars") for environment in ENVIRONMENTS)
    assert prod["protected"] and prod["soft_delete_days"] >= dev["soft_delete_days"]


@pytest.mark.skipif(shutil.which("terraform") is None, reason="Terraform is not installed")
def test_terraform_reads_and_formats_the_files_so(tmp_path):
    done = subprocess.run(
        ["terraform", f"-chdir={FOLDER}", "fmt", "-check", "-diff"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")
    shutil.copytree(FOLDER, tmp_path / "terraform")
    done = subprocess.run(
        ["terraform", f"-chdir={tmp_path / 'terraform'}", "providers"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0 and "hashicorp/google" in done.stdout, done.stderr


@pytest.mark.parametrize("name", POOLS.pools)
@pytest.mark.parametrize("spot", [True, False])
def test_node_pools_are_those_of_the_stages(cluster, name, spot):
    """Each pool has a spot and an on-demand node pool whose labels, taints and sizes fit it."""
    pool, capacity = POOLS.pools[name], POOLS.spot if spot else POOLS.on_demand
    node = NODE_POOLS[f"{name}{'-spot' * spot}"]
    assert node["spot"] == spot
    assert node["labels"] == pool.node_selector | capacity.node_selector
    tolerated = {one.key: one.value for one in pool.tolerations + capacity.tolerations}
    assert set(node["taints"]) == set(tolerated)
    assert all(tolerated[key] in (None, value) for key, value in node["taints"].items())
    count = pool.accelerator.count if pool.accelerator else None
    accelerator = node["accelerator"]
    assert (accelerator["count"] if isinstance(accelerator, dict) else None) == count


@pytest.mark.parametrize("name", NODE_POOLS)
def test_a_pod_fills_its_node_and_the_queue_its_nodes(cluster, name):
    """One pod fits beside GKE's own, not two, and the queue admits one pod for each node."""
    node, pool = NODE_POOLS[name], POOLS.pools[name.removesuffix("-spot")]
    free = {
        resource: amount - DAEMONS[resource]
        for resource, amount in allocatable(node["machine_type"]).items()
    }
    asked, budget = pod_needs(cluster, pool), quotas(cluster)[f"wordbrush-{name}"]
    for resource in ("cpu", "memory"):
        assert asked[resource] <= free[resource] < 2 * asked[resource]
        assert budget[resource] // asked[resource] == node["max_nodes"]
    if pool.accelerator:
        assert budget[pool.accelerator.type] == node["max_nodes"] * pool.accelerator.count
    assert quantity(pool.scratch) < free_disk(node["disk_gb"])


def free_disk(gib: int) -> float:
    """Bytes of a disk that GKE leaves for pods and images, by its documented reservations."""
    return (0.9 * gib - min(0.5 * gib, 6 + 0.35 * gib, 100)) * 2**30


def allocatable(machine: str) -> dict[str, float]:
    """What GKE leaves for pods: cores, and bytes of memory (by its documented reservations)."""
    cores, gib = MACHINES[machine]
    reserved = sum(
        share * min(max(cores - start, 0), width)
        for share, start, width in ((0.06, 0, 1), (0.01, 1, 1), (0.005, 2, 2), (0.0025, 4, 999))
    )
    kept = 0.1 + sum(
        share * min(max(gib - start, 0), width)
        for share, start, width in ((0.25, 0, 4), (0.2, 4, 4), (0.1, 8, 8), (0.06, 16, 112))
    )
    return {"cpu": cores - reserved, "memory": (gib - kept) * 2**30}


def quotas(cluster: Cluster) -> dict[str, dict[str, float]]:
    """What Kueue's queue admits to each flavor."""
    (queue,) = (one for one in cluster.objects if one.kind == "ClusterQueue")
    (group,) = queue.spec["resourceGroups"]
    return {
        flavor["name"]: {one["name"]: quantity(one["nominalQuota"]) for one in flavor["resources"]}
        for flavor in group["flavors"]
    }


def test_flavors_have_the_taints_of_the_nodes(cluster):
    flavors = {
        one.name: {taint["key"]: taint["value"] for taint in one.spec["nodeTaints"]}
        for one in cluster.objects
        if one.kind == "ResourceFlavor"
    }
    assert flavors == {f"wordbrush-{name}": node["taints"] for name, node in NODE_POOLS.items()}


def test_only_the_pool_of_the_system_takes_other_pods():
    """It has no taint, and can sleep; the pools of runs have one each, and start at zero."""
    system = blocks("resource")["google_container_node_pool.system"]
    assert "taint" not in system["node_config"][0] and "autoscaling" not in system
    assert system["node_count"] == "${var.awake ? var.system_nodes : 0}"
    assert all(node["taints"] for node in NODE_POOLS.values())
    (scaling,) = blocks("resource")["google_container_node_pool.runs"]["autoscaling"]
    assert scaling["total_min_node_count"] == 0 and "max_node_count" not in scaling


def test_spot_nodes_come_from_several_zones():
    runs = blocks("resource")["google_container_node_pool.runs"]
    assert runs["node_locations"] == "${each.value.spot ? var.spot_zones : [var.zone]}"
    variables = blocks("variable")
    zones, region = variables["spot_zones"]["default"], variables["region"]["default"]
    assert len(set(zones)) >= 3 and all(zone.startswith(f"{region}-") for zone in zones)
    assert variables["zone"]["default"] in zones


def test_the_bucket_is_private_and_keeps_what_runs_share():
    bucket = blocks("resource")["google_storage_bucket.runs"]
    assert (
        bucket["uniform_bucket_level_access"] and bucket["public_access_prevention"] == "enforced"
    )
    deleting = [
        rule["condition"][0]
        for rule in bucket["lifecycle_rule"]
        if rule["action"][0]["type"] == "Delete"
    ]
    assert [one["matches_prefix"] for one in deleting] == [["checkpoints/"]]


def test_the_account_of_runs_is_that_of_the_manifests(cluster):
    """Workload Identity binds Kubernetes accounts themselves, to the bucket alone."""
    granted = [name for name, one in blocks("resource").items() if "principal://" in str(one)]
    assert granted == ["google_storage_bucket_iam_member.account"]
    member = blocks("resource")[granted[0]]["member"]
    assert member.endswith("/subject/ns/kubeflow/sa/${each.key}")
    assert local_values()["bucket_roles"] == {
        "wordbrush": "roles/storage.objectUser",
        "ml-pipeline-ui": "roles/storage.objectViewer",  # KFP's own
    }
    made = {(one.kind, one.namespace, one.name) for one in cluster.objects}
    assert ("ServiceAccount", "kubeflow", "wordbrush") in made


def test_settings_are_written_as_the_overlay_reads_them():
    example = (ROOT / "k8s/overlays/gke/settings.env.example").read_text()
    wanted = re.findall(r"^(\w+)=", example, re.MULTILINE)
    assert re.findall(r"^\s*(\w+)=", blocks("output")["settings"]["value"], re.MULTILINE) == wanted
