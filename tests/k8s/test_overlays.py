"""The committed overlays are good; a faulty one is one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from k8s.checks import cluster
from k8s.checks.__main__ import faults
from k8s.checks.manifests import build
from k8s.checks.references import Cluster
from k8s.checks.schemas import VERSIONS
from tests.k8s.overlays import ROOT, copied, everything
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.pools import load_pools

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    return copied(tmp_path_factory.mktemp("filled"))


def check(overlay: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "k8s.checks", str(overlay)]
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
    assert {"Deployment pushgateway", "ClusterQueue wordbrush", "PodMonitor wordbrush"} <= set(
        map(str, objects)
    )


def test_the_optional_component_is_off(tree):
    assert "Deployment pushgateway" not in set(map(str, build(tree / "overlays/gke")))


def test_settings_reach_every_place(tree):
    command = ["kubectl", "kustomize", str(tree / "overlays/gke")]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for line in (
        "remote: gs://speech-and-pictures/dvc",
        "registry: gs://speech-and-pictures/registry",
        "checkpoints: gs://speech-and-pictures/checkpoints",
        "defaultPipelineRoot: gs://speech-and-pictures/pages",
        "iam.gke.io/gcp-service-account: wordbrush@acme-research.iam.gserviceaccount.com",
    ):
        assert line in built
    assert "local-config" not in built


def test_an_overlay_that_nobody_filled_in_is_refused():
    wrong = list(cluster.settings(Cluster(build(ROOT / "k8s/overlays/gke"), [])))
    assert len(wrong) == 5 and all(
        "write yours into settings.env (docs/cluster.md)" in fault for fault in wrong
    )


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
        ("overlays/gke/settings.env", None, "settings.env"),
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
