"""On which nodes the compiled pods may run, for each value of `spot`."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from components import all_components
from tests.conftest import ROOT
from wordbrush.kubeflow.compiler.dag import write_pipeline
from wordbrush.kubeflow.compiler.plan import make_plan

POOLS = ROOT / "k8s/pools.yaml"
CAPACITY, SPOT_TAINT = "wordbrush/capacity", "cloud.google.com/gke-spot"


def compiled_pods(folder: Path, pools: str) -> list[dict]:
    """What the compiled pipeline says to Kubernetes of each stage's pod."""
    (folder / "pools.yaml").write_text(pools)
    plan = make_plan(ROOT, "tiny", "image:1", folder / "pools.yaml")
    write_pipeline(plan, all_components(), folder / "pipeline.yaml")
    _, platform = YAML(typ="safe").load_all((folder / "pipeline.yaml").read_text())
    return list(platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values())


@pytest.mark.parametrize(
    ("spot", "capacity", "tolerated"),
    [("true", None, False), ("only", "spot", True), ("false", "on-demand", False)],
)
def test_pods_name_spot_nodes_only_where_they_must(tmp_path, spot, capacity, tolerated):
    """Where Kueue chooses (`true`), a pod that named spot nodes could never run on demand."""
    pods = compiled_pods(tmp_path, POOLS.read_text().replace("spot: true", f"spot: {spot}"))
    for pod in pods:
        labels = pod["nodeSelector"]["labels"]
        assert labels.get(CAPACITY) == capacity and "wordbrush/pool" in labels
        assert (SPOT_TAINT in {one["key"] for one in pod["tolerations"]}) == tolerated
