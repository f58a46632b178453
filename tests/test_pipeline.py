"""pipeline.py: the compiled DAG against dvc.yaml, pools and cache keys."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from tests.kfp_server import Compiled, pipeline
from wordbrush.versioning.keys import edges

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Compiled:
    target = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    done = pipeline("compile", "--output", str(target))
    assert done.returncode == 0, done.stderr
    return Compiled.read(target)


def test_the_dag_is_that_of_dvc(compiled):
    with Repo(str(ROOT)) as repo:
        wanted = {stage: sorted(before) for stage, before in edges(repo).items()}
    assert compiled.edges == wanted
    assert len(wanted) == 15


def test_the_committed_pipeline_is_fresh(compiled):
    committed = Compiled.read(ROOT / "pipeline.yaml")
    assert committed == compiled, "pipeline.yaml is stale: run `make pipeline`"


def test_nothing_that_changes_results_is_left_open(compiled):
    assert "inputDefinitions" not in compiled.spec["root"]
    for name in compiled.tasks:
        command = " ".join(
            [*compiled.container(name)["command"], *compiled.container(name)["args"]]
        )
        assert "pip install" not in command
        assert compiled.container(name)["image"] == "wordbrush-python:0.1.0"


def test_pools_can_be_read_back(compiled):
    pools = YAML(typ="safe").load((ROOT / "k8s/pools.yaml").read_text())
    for name in compiled.tasks:
        pool = pools["pools"][pools["stages"][name.partition("@")[0]]]
        resources, kubernetes = compiled.container(name)["resources"], compiled.kubernetes(name)
        accelerator = resources.get("accelerator")
        assert (accelerator is None) == (pool["accelerator"] is None)
        if accelerator:
            assert (
                accelerator["resourceType"] == "nvidia.com/gpu"
                and accelerator["resourceCount"] == "1"
            )
        assert (
            resources["resourceMemoryLimit"] == pool["memory"]
            and resources["resourceCpuLimit"] == pool["cpu"]
        )
        assert (
            kubernetes["nodeSelector"]["labels"]
            == pool["node_selector"] | pools["spot"]["node_selector"]
        )
        assert [one["key"] for one in kubernetes["tolerations"]] == [
            one["key"] for one in pool["tolerations"] + pools["spot"]["tolerations"]
        ]
        mounts = {mount["mountPath"]: mount for mount in kubernetes["emptyDirMounts"]}
        assert mounts["/dev/shm"] == {
            "medium": "Memory",
            "mountPath": "/dev/shm",
            "sizeLimit": pool["shared_memory"],
            "volumeName": "shared-memory",
        }
        assert kubernetes["activeDeadlineSeconds"] == str(int(pool["timeout_hours"] * 3600))
        assert kubernetes["securityContext"]["runAsNonRoot"] is True
        assert kubernetes["podMetadata"]["labels"] == pools["labels"]
        retry = compiled.tasks[name]["retryPolicy"]
        assert (
            retry["maxRetryCount"] == pool["retries"]["count"] and retry["backoffDuration"] == "60s"
        )


def test_pods_read_the_settings_of_the_cluster(compiled):
    """The keys that every run needs, and those that may be missing."""
    for name in compiled.tasks:
        needed, optional = compiled.kubernetes(name)["configMapAsEnv"]
        assert {one["configMapName"] for one in (needed, optional)} == {"wordbrush"}
        assert [one["configMapKey"] for one in needed["keyToEnv"]] == [
            "remote",
            "remote-options",
            "registry",
            "checkpoints",
        ]
        assert needed["optional"] is False and optional["optional"] is True
        assert {"configMapKey": "metrics-port", "envVar": "WORDBRUSH_METRICS_PORT"} in optional[
            "keyToEnv"
        ]


def keys(one: Compiled) -> dict[str, str]:
    return {name: task["cachingOptions"]["cacheKey"] for name, task in one.tasks.items()}


def test_another_image_changes_every_key(compiled, tmp_path):
    assert (
        pipeline(
            "compile", "--image", "other:1", "--output", str(tmp_path / "other.yaml")
        ).returncode
        == 0
    )
    other = Compiled.read(tmp_path / "other.yaml")
    assert other.container("evaluate")["image"] == "other:1"
    assert not set(keys(other).values()) & set(keys(compiled).values())


def test_a_parameter_changes_the_keys_downstream_and_no_other(compiled, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("components", "k8s", "src"):
        shutil.copytree(ROOT / name, copy / name)
    for name in ("pipeline.py", "dvc.yaml", "params.yaml", ".dvcignore"):
        shutil.copy(ROOT / name, copy / name)
    params = copy / "params.yaml"
    params.write_text(params.read_text().replace("units_per_cluster: 12", "units_per_cluster: 11"))
    subprocess.run(
        [sys.executable, "pipeline.py", "compile"],
        cwd=copy,
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(copy / "src")},
    )
    before, after = keys(compiled), keys(Compiled.read(copy / "pipeline.yaml"))
    changed = {name.partition("@")[0] for name in before if before[name] != after[name]}
    # cluster-units has it as a parameter, both edit stages have all of `edits`; the others follow
    assert changed == {"random-edits", "cluster-units", "targeted-edits", "evaluate", "report"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compile", "--preset", "huge"), ("huge", "paper, small, tiny")),
        (("compile", "--pools", "nowhere.yaml"), ("nowhere.yaml is missing",)),
        (("run", "--preset", "huge"), ("huge",)),
        (("run", "--docker", "--remote", "gs://bucket/dvc"), ("gs://bucket/dvc", "leave --remote")),
        (("schedule", "--cron", "0 3 * * 1"), ("six fields", "0 0 3 * * 1")),
        (("schedule", "--cron", "0 0 25 * * 1"), ("not valid",)),
        (("schedule",), ("name one of",)),
        (("submit",), ("WORDBRUSH_REMOTE is not set",)),
        (("submit", "--host", "localhost"), ("not a URL",)),
        (("adopt", "nothing", "--host", "http://127.0.0.1:9"), ("does not answer",)),
    ],
)
def test_bad_input_is_one_sentence(arguments, words, tmp_path):
    done = pipeline(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
    for word in words:
        assert word in done.stderr
    assert not (tmp_path / "pipeline.yaml").exists()


def test_pools_name_file_and_field(tmp_path):
    text = (ROOT / "k8s/pools.yaml").read_text()
    (tmp_path / "pools.yaml").write_text(text.replace("train-gan: gpu", "train-gan: tpu"))
    assert (
        "'tpu'"
        in pipeline(
            "compile", "--pools", str(tmp_path / "pools.yaml"), "--output", str(tmp_path / "x.yaml")
        ).stderr
    )
    (tmp_path / "pools.yaml").write_text(text.replace("memory: 24Gi", "memory: lots"))
    done = pipeline(
        "compile", "--pools", str(tmp_path / "pools.yaml"), "--output", str(tmp_path / "x.yaml")
    )
    assert (
        "pools.gpu.memory" in done.stderr
        and "pools.yaml" in done.stderr
        and not (tmp_path / "x.yaml").exists()
    )


def test_a_pool_of_two_gpus_starts_two_processes(tmp_path):
    (tmp_path / "pools.yaml").write_text(
        (ROOT / "k8s/pools.yaml").read_text().replace("gpu, count: 1", "gpu, count: 2")
    )
    pipeline(
        "compile", "--pools", str(tmp_path / "pools.yaml"), "--output", str(tmp_path / "two.yaml")
    )
    two = Compiled.read(tmp_path / "two.yaml")
    for stage, variables in (
        ("train-gan", [{"name": "WORDBRUSH_PROCESSES", "value": "2"}]),
        ("render-scenes", []),
    ):
        container = two.container(stage)
        assert container.get("env", []) == variables
        assert container["resources"].get("accelerator", {}).get("resourceCount") == (
            "2" if variables else None
        )


def test_help_is_quick_and_has_examples():
    for verb in ("compile", "run", "submit", "schedule", "adopt"):
        done = pipeline(verb, "--help")
        assert done.returncode == 0 and "Example: python pipeline.py" in " ".join(
            done.stdout.split()
        )
