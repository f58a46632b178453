"""The DAG has the edges of dvc.yaml; components and pools that do not fit it are named."""

import pytest
from kfp import dsl

from components import all_components
from tests.conftest import ROOT
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.dag import build, input_name, lock_inputs
from wordbrush.kubeflow.compiler.plan import make_plan
from wordbrush.kubeflow.compiler.pools import load_pools

POOLS = ROOT / "k8s/pools.yaml"


@dsl.component(base_image="image:1", install_kfp_package=False)
def train_gan(params: str, key: str, sample_images: dsl.Input[dsl.Artifact]):
    pass


def test_inputs_are_named_after_the_stages_before():
    assert input_name("train-gan", "sample-images") == "train_gan"
    assert input_name("random-edits@hard", "cluster-units@hard") == "random_edits"
    assert input_name("random-edits@hard", "evaluate") == "random_edits_hard"


def test_a_component_that_disagrees_with_dvc_yaml_is_named():
    components = all_components() | {"train-gan": train_gan}
    with pytest.raises(WordbrushError) as caught:
        build(make_plan(ROOT, "tiny", "image:1", POOLS), components)
    for word in (
        "components/train_gan.py",
        "dvc.yaml",
        "takes sample_images",
        "names render_scenes",
    ):
        assert word in str(caught.value)


def test_a_stage_without_a_component_is_named():
    with pytest.raises(WordbrushError, match="there is no component of it"):
        lock_inputs("train-gan", ["render-scenes"], {})


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("  evaluate: gpu\n", "", "evaluate has no pool"),
        ("  promote: cpu", "", "promote has no pool"),
        ("  evaluate: gpu\n", "  evaluate: gpu\n  evalaute: gpu\n", "there is no stage evalaute"),
    ],
)
def test_pools_are_those_of_the_stages(tmp_path, before, after, complaint):
    text = POOLS.read_text()
    assert before in text
    (tmp_path / "pools.yaml").write_text(text.replace(before, after))
    with pytest.raises(WordbrushError, match=rf"pools\.yaml: stages: .*{complaint}"):
        load_pools(tmp_path / "pools.yaml")


@pytest.mark.parametrize(
    ("before", "after", "field"),
    [
        ("name: wordbrush\n", "name: my project\n", "labels"),
        ("app.kubernetes.io/name:", "App/na me:", "labels"),
        ("{wordbrush/pool: cpu}", '{wordbrush/pool: "-cpu"}', "pools.cpu.node_selector"),
        ("type: nvidia.com/gpu", 'type: ""', "pools.gpu.accelerator.type"),
        ("key: nvidia.com/gpu", "key: nvidia.com/", "pools.gpu.tolerations.0.key"),
        ("timeout_hours: 24", "timeout_hours: .inf", "pools.cpu.timeout_hours"),
        ("timeout_hours: 24", "timeout_hours: .nan", "pools.cpu.timeout_hours"),
        ("factor: 2, queue_hours", "factor: .inf, queue_hours", "pools.cpu.retries.factor"),
        ("factor: 2, queue_hours", "factor: 1.5, queue_hours", "pools.cpu.retries.factor"),
        ("count: 4, wait_seconds: 60", "count: 4, wait_seconds: -1", "retries.wait_seconds"),
        ("queue_hours: 24}", "longest_seconds: 900}", "pools.cpu.retries.longest_seconds"),
        ("queue_hours: 24}", "queue_hours: 0}", "pools.cpu.retries.queue_hours"),
        (
            "count: 4, wait_seconds: 60, factor: 2",
            "count: 20, wait_seconds: 60, factor: 9",
            "lower",
        ),
        ("scratch: 30Gi", "scratch: much", "pools.cpu.scratch"),
        ("memory: 24Gi", "memory: 24 GB", "pools.cpu.memory"),
        ("spot: true", "spot: maybe", "pools.cpu.spot"),
    ],
)
def test_what_the_cluster_would_refuse_is_named(tmp_path, before, after, field):
    text = POOLS.read_text()
    assert before in text
    (tmp_path / "pools.yaml").write_text(text.replace(before, after))
    with pytest.raises(WordbrushError) as caught:
        load_pools(tmp_path / "pools.yaml")
    assert field in str(caught.value) and "pools.yaml" in str(caught.value)


@pytest.mark.parametrize("file", [POOLS, ROOT / "k8s/overlays/kind/pools.yaml"], ids=str)
def test_every_attempt_fits_into_the_window_with_its_queue_and_its_pauses(file):
    for pool in load_pools(file).pools.values():
        attempts = pool.retries.count + 1
        queues = attempts * pool.retries.queue_hours * 3600
        pauses = sum(
            pool.retries.wait_seconds * pool.retries.factor**n for n in range(attempts - 1)
        )
        assert pool.window == attempts * pool.timeout + queues + pauses
        assert pool.window > attempts * pool.timeout_hours * 3600
