"""Overlays as people use them: the manifests with settings filled in, built by kubectl."""

import shutil
from pathlib import Path

from k8s.checks.manifests import Manifest, build

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = (
    "bucket=speech-and-pictures\nnodes=wordbrush-nodes@acme-research.iam.gserviceaccount.com\n"
)


def copied(folder: Path) -> Path:
    """k8s/ in `folder`, filled in as docs/cluster.md says."""
    shutil.copytree(ROOT / "k8s", folder / "k8s", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "k8s/overlays/gke/settings.env").write_text(SETTINGS)
    return folder / "k8s"


def with_classes(folder: Path) -> Path:
    """The overlay gke with GKE's compute classes in the place of Kueue."""
    overlay = copied(folder) / "overlays/gke"
    text = (overlay / "kustomization.yaml").read_text()
    assert "- ../../components/queues " in text
    (overlay / "kustomization.yaml").write_text(
        text.replace("- ../../components/queues ", "- ../../components/compute-classes ")
    )
    return overlay


def everything(folder: Path) -> list[Manifest]:
    """The overlay gke with the optional components turned on."""
    overlay = copied(folder) / "overlays/gke/kustomization.yaml"
    text = overlay.read_text()
    for name in ("pushgateway", "pages"):
        assert f"  # - ../../components/{name}" in text
        text = text.replace(f"  # - ../../components/{name}", f"  - ../../components/{name}")
    overlay.write_text(text)
    return build(overlay.parent)
