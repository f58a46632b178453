"""The committed overlays are good; a faulty one is one sentence."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from k8s.checks import cluster
from k8s.checks.__main__ import faults
from k8s.checks.manifests import build
from k8s.checks.references import Cluster
from k8s.checks.schemas import VERSIONS
from tests.k8s.overlays import ROOT, copied, everything, with_classes
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.pools import load_pools

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return copied(tmp_path_factory.mktemp("filled"))


def check(overlay: Path, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "k8s.checks", str(overlay), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_overlay_of_a_local_cluster_is_good(tree):
    """It has its own pools: no GPU, no spot nodes, no queue."""
    assert (
        faults(build(tree / "overlays/kind"), load_pools(tree / "overlays/kind/pools.yaml")) == []
    )


def test_the_overlay_of_gke_is_good_with_every_component(tmp_path):
    objects = everything(tmp_path)
    done = check(tmp_path / "k8s/overlays/gke")
    assert done.returncode == 0, done.stderr
    assert (
        len(VERSIONS) == 4
        and f"{len(objects)} objects, good for Kubernetes {VERSIONS[0]} to {VERSIONS[-1]}"
        in done.stdout
    )
    assert f"Checked with it: {ROOT / 'pipeline.yaml'}, " in done.stdout
    assert {
        "Deployment explorer",
        "Deployment collector",
        "NetworkPolicy pages-default-deny",
    } <= set(map(str, objects))
    assert {"Deployment pushgateway", "ClusterQueue wordbrush", "PodMonitor wordbrush"} <= set(
        map(str, objects)
    )


def test_volumes_are_filled_on_the_node_of_the_page_that_mounts_them(tmp_path):
    volumes = {}
    for one in everything(tmp_path):
        if one.kind not in ("Deployment", "Job"):
            continue
        template = one.spec["template"]
        labels = template["metadata"].get("labels", {})
        for volume in template["spec"].get("volumes", []):
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim in ("explorer", "collector"):
                volumes.setdefault(claim, {})[one.kind] = labels, template["spec"]
    assert set(volumes) == {"explorer", "collector"}
    for users in volumes.values():
        labels, _ = users["Deployment"]
        (term,) = users["Job"][1]["affinity"]["podAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]
        assert term["topologyKey"] == "kubernetes.io/hostname"
        assert term["labelSelector"]["matchLabels"].items() <= labels.items()


def test_optional_components_are_off(tree):
    made = set(map(str, build(tree / "overlays/gke")))
    assert not made & {"Deployment pushgateway", "Deployment explorer", "Deployment collector"}


def test_settings_reach_every_place(tree):
    command = ["kubectl", "kustomize", str(tree / "overlays/gke")]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in (
        "remote: gs://speech-and-pictures/dvc",
        "registry: gs://speech-and-pictures/registry",
        "checkpoints: gs://speech-and-pictures/checkpoints",
        "defaultPipelineRoot: gs://speech-and-pictures/pages",
    ):
        assert line in built
    assert "local-config" not in built
    # Workload Identity binds the Kubernetes account itself (k8s/terraform)
    assert "iam.gke.io/gcp-service-account" not in built


def test_compute_classes_are_good_with_their_pools(tmp_path):
    overlay = with_classes(tmp_path)
    done = check(overlay, "--pools", str(ROOT / "k8s/components/compute-classes/pools.yaml"))
    assert done.returncode == 0, done.stderr
    accounts = {
        one.spec["nodePoolConfig"]["serviceAccount"]
        for one in build(overlay)
        if one.kind == "ComputeClass"
    }
    assert accounts == {"wordbrush-nodes@acme-research.iam.gserviceaccount.com"}


def test_compute_classes_with_the_pools_of_the_queues_are_refused(tmp_path):
    done = check(with_classes(tmp_path))
    assert done.returncode == 2
    assert "the pool gpu asks for None (cloud.google.com/compute-class" in done.stderr


def test_settings_that_nobody_filled_in_are_refused(tmp_path):
    overlay = copied(tmp_path) / "overlays/gke"
    shutil.copy(overlay / "settings.env.example", overlay / "settings.env")
    wrong = list(cluster.settings(Cluster(build(overlay), [])))
    assert len(wrong) == 4 and all(
        "write yours into settings.env (docs/cluster.md)" in fault for fault in wrong
    )


def test_missing_settings_are_named_with_what_to_copy(tmp_path):
    overlay = copied(tmp_path) / "overlays/gke"
    (overlay / "settings.env").unlink()
    done = check(overlay)
    assert (done.returncode, done.stderr) == (
        2,
        f"manifests: {overlay}/settings.env is missing: copy {overlay}/settings.env.example and "
        "fill it in.\n",
    )


def test_settings_of_an_earlier_version_are_named_with_what_they_lack(tmp_path):
    overlay = copied(tmp_path) / "overlays/gke"
    (overlay / "settings.env").write_text("# ours\nbucket=b\nservice-account=a@b\n")
    with pytest.raises(WordbrushError, match=r"settings\.env lacks nodes: settings\.env\.example"):
        build(overlay)


def test_git_ignores_the_settings():
    command = ["git", "check-ignore", "--quiet", "--no-index", "k8s/overlays/gke/settings.env"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def test_a_fault_is_a_sentence_and_exit_code_2(tmp_path):
    done = check(tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stdout == ""
    assert (
        done.stderr.startswith(f"manifests: {tmp_path} does not build: ")
        and done.stderr.count("\n") == 1
    )


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("base/limits.yaml", None, "/base/limits.yaml: no such file or directory."),
        (
            "base/limits.yaml",
            "kind: [\n",
            "limits.yaml: MalformedYAMLError: yaml: line 1: did not find expected node content",
        ),
        (
            "base/kustomization.yaml",
            "resource: []\n",
            '/base: invalid Kustomization: json: unknown field "resource".',
        ),
        (
            "components/queues/queues.yaml",
            "kind: ClusterQueue\n",
            "queues.yaml: missing metadata.name",
        ),
        ("overlays/gke/kustomization.yaml", None, "unable to find one of 'kustomization.yaml'"),
    ],
)
def test_a_wrong_overlay_is_one_sentence(tmp_path, file, content, reason):
    tree = copied(tmp_path)
    (tree / file).unlink() if content is None else (tree / file).write_text(content)
    with pytest.raises(WordbrushError) as fault:
        build(tree / "overlays/gke")
    assert str(fault.value).startswith(f"{tree}/overlays/gke does not build: ") and reason in str(
        fault.value
    )
    assert "\n" not in str(fault.value)
