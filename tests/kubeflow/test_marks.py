"""What KFP's cache compares changes where the remote lost outputs, and only there."""

import hashlib
import json
from pathlib import Path

import pytest

from components import all_components
from tests.conftest import ROOT
from tests.kfp_server import Compiled
from wordbrush.kubeflow.compiler.dag import write_pipeline
from wordbrush.kubeflow.compiler.plan import Plan, make_plan
from wordbrush.versioning.environment import RemoteConfig
from wordbrush.versioning.records import record_lock, remote_objects
from wordbrush.versioning.workspace import scratch_workspace


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(ROOT, "tiny", "image:1", ROOT / "k8s/pools.yaml")


@pytest.fixture
def remote(tmp_path) -> RemoteConfig:
    return RemoteConfig(str(tmp_path / "remote"))


def compiled(plan: Plan, remote: RemoteConfig, folder: Path) -> Compiled:
    """The pipeline of one more submission."""
    write_pipeline(plan.marked(remote), all_components(), folder / "pipeline.yaml")
    return Compiled.read(folder / "pipeline.yaml")


def prints(one: Compiled) -> dict[str, dict]:
    return {name: one.fingerprint(name) for name in one.tasks}


def keep_outputs(plan: Plan, remote: RemoteConfig) -> dict[str, Path]:
    """Leave an output of every stage in the remote, as finished stages do. Returns the files."""
    outputs = {}
    with scratch_workspace(plan.source, plan.params, remote) as repo:
        for address, key in plan.keys.items():
            md5 = hashlib.md5(address.encode(), usedforsecurity=False).hexdigest()
            outputs[address] = Path(remote_objects(repo).oid_to_path(md5))
            outputs[address].parent.mkdir(parents=True, exist_ok=True)
            outputs[address].write_text(address)
            lock = {"stages": {address: {"outs": [{"path": "data/output", "md5": md5}]}}}
            record_lock(repo, key, json.dumps(lock).encode())
    return outputs


def test_a_stage_that_never_ran_is_new_with_every_submission(plan, remote, tmp_path):
    first, second = (prints(compiled(plan, remote, tmp_path)) for _ in range(2))
    assert len(first) == 17
    assert all(first[name] != second[name] for name in first)


def test_a_stage_is_new_when_its_outputs_are_lost_and_no_other(plan, remote, tmp_path):
    outputs = keep_outputs(plan, remote)
    first, again = (compiled(plan, remote, tmp_path) for _ in range(2))
    assert first == again  # so no other part of the file could tell them apart either
    outputs["train-gan"].unlink()
    lost = compiled(plan, remote, tmp_path)
    before, after = prints(again), prints(lost)
    assert [name for name in before if before[name] != after[name]] == ["train-gan"]
    keys = {name: lost.parameters(name)["key"] for name in lost.tasks}
    assert keys == plan.keys  # which are parts of paths
