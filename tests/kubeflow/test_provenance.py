"""What pages say of the order of a run: carried by the compiled tasks, unknown where it is."""

import json
from dataclasses import replace

import pytest
from ruamel.yaml import YAML

from components import all_components
from tests.conftest import ROOT
from tests.workspace import Workspace
from wordbrush.errors import FileFault
from wordbrush.kubeflow.compiler.dag import write_pipeline
from wordbrush.kubeflow.compiler.plan import Plan, make_plan
from wordbrush.kubeflow.compiler.pools import Pool
from wordbrush.kubeflow.tasks import provenance
from wordbrush.kubeflow.tasks.provenance import Provenance
from wordbrush.versioning.git import git


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(ROOT, "tiny", "registry/image:1", ROOT / "k8s/pools.yaml", gate=True)


def orders(plan: Plan, tmp_path) -> dict[str, Provenance]:
    """What each compiled task carries, by the name of its executor."""
    package = tmp_path / "pipeline.yaml"
    write_pipeline(plan, all_components(), package)
    spec = next(iter(YAML(typ="safe").load_all(package.read_text())))
    found = {}
    for name, one in spec["deploymentSpec"]["executors"].items():
        (value,) = (
            given["value"]
            for given in one["container"]["env"]
            if given["name"] == provenance.VARIABLE
        )
        found[name.removeprefix("exec-")] = Provenance(**json.loads(value))
    return found


def test_every_task_carries_the_order(plan, tmp_path):
    found = orders(plan, tmp_path)
    gpu, cpu = plan.pools.pools["gpu"], plan.pools.pools["cpu"]
    assert len(found) == 18
    assert found["train-gan"] == Provenance(
        "tiny", "registry/image:1", None, "gpu, spot if it got one", gpu.price
    )
    assert found["promote"] == Provenance(
        "tiny", "registry/image:1", None, "cpu, spot if it got one", cpu.price
    )


def test_a_local_run_has_neither_image_nor_price(plan, tmp_path):
    found = orders(plan.named(contained=False), tmp_path)["train-gan"]
    assert (found.image, found.pool, found.price) == (None, None, None)


def test_the_commit_is_that_of_the_checkout(plan, tmp_path):
    workspace = Workspace.create(tmp_path / "checkout", ROOT)
    git(workspace.root, "init", "--quiet")
    git(workspace.root, "add", "params.yaml")
    name = ["-c", "user.name=a", "-c", "user.email=a@b"]
    git(workspace.root, *name, "commit", "--quiet", "-m", "first")
    here = replace(plan, source=workspace.root)
    assert here.named().ordered.commit == git(workspace.root, "rev-parse", "HEAD")
    (workspace.root / "params.yaml").write_text("seed: 1\n")
    assert here.named().ordered.commit.endswith(" with uncommitted changes")
    assert plan.ordered.commit is None  # a compiled file is committed itself


def test_the_price_is_that_of_the_nodes(plan):
    pool = plan.pools.pools["gpu"]
    spot, on_demand = pool.price_per_hour.spot, pool.price_per_hour.on_demand
    assert pool.price == spot < on_demand
    assert pool.model_copy(update={"spot": False}).price == on_demand
    assert Pool.model_validate(pool.model_dump(exclude={"price_per_hour"})).price is None


def test_facts_of_an_order(monkeypatch):
    order = Provenance("small", "registry/image:1", "0123abc", "gpu, spot", 0.34)
    monkeypatch.setenv(provenance.VARIABLE, order.as_text())
    monkeypatch.setenv(provenance.POD, "wordbrush-x-1")
    facts = provenance.order_facts("train-gan")
    assert (facts["preset"], facts["commit"]) == ("small", "0123abc")
    assert (facts["image"], facts["pod"]) == ("registry/image:1", "wordbrush-x-1")
    assert facts["pool"] == "gpu, spot"


def test_the_pool_is_named_where_it_has_no_price(monkeypatch):
    monkeypatch.setenv(provenance.VARIABLE, Provenance(image="a/b:1", pool="mine").as_text())
    assert provenance.order_facts("train-gan")["pool"] == "mine"
    assert provenance.effort(60) == {
        "duration": "1 min 00 s",
        "cost": "unknown: the node pools name no price",
    }


def test_what_nobody_says_is_unknown(monkeypatch):
    monkeypatch.delenv(provenance.VARIABLE, raising=False)
    monkeypatch.delenv(provenance.POD, raising=False)
    facts = provenance.order_facts("train-gan")
    assert facts["preset"] == facts["commit"] == facts["image"] == "unknown"
    assert not {"pod", "pool"} & facts.keys()


def test_a_damaged_order_is_one_sentence(monkeypatch):
    monkeypatch.setenv(provenance.VARIABLE, "{")
    with pytest.raises(FileFault, match=r"WORDBRUSH_PROVENANCE is not readable JSON"):
        provenance.order_facts("train-gan")
