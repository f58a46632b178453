"""pipeline.py: the compiled DAG against dvc.yaml, pools and cache keys, and real local runs."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from dvc.repo import Repo
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline import app
from ruamel.yaml import YAML

from tests.kfp_server import Compiled, pipeline
from tests.workspace import Workspace
from wordbrush.errors import WordbrushError, run_command
from wordbrush.storage.files import require_writable, whole_file
from wordbrush.versioning.keys import edges

ROOT = Path(__file__).resolve().parents[1]
RUNNING = re.compile(r"^\s*Running stage '(.+)':", re.MULTILINE)
TASK = re.compile(r"Executing task '?(?:\x1b\[\d+m)?([\w-]+)")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Compiled:
    target = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    done = pipeline("compile", "--output", str(target))
    assert done.returncode == 0, done.stderr
    return Compiled.read(target)


def stages_of(lock: Path) -> dict:
    return YAML(typ="safe").load(lock.read_text(encoding="utf-8"))["stages"]


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


def test_every_stage_runs_and_the_lock_is_that_of_repro(from_scratch, finished):
    """Two runs from scratch, by two runners, give identical hashes for every output."""
    folder, log = from_scratch
    assert len(RUNNING.findall(log)) == 15
    ours, theirs = (
        stages_of(folder / ".wordbrush/kfp/dvc.lock"),
        stages_of(finished.root / "dvc.lock"),
    )
    assert ours == theirs and len(finished.hashes()) > 35


def test_a_second_run_executes_no_stage(from_scratch):
    folder, _ = from_scratch
    again = pipeline("run", "--preset", "tiny", cwd=folder, WORDBRUSH_CACHE=str(folder / "cache"))
    assert again.returncode == 0, again.stdout + again.stderr
    assert TASK.findall(again.stdout + again.stderr) == []


def test_the_gate_promotes_at_the_end(from_scratch, finished):
    """The scheduled pipeline's last task, run from the compiled YAML; all others are cached."""
    folder, _ = from_scratch
    done = pipeline(
        "run", "--preset", "tiny", "--gate", cwd=folder, WORDBRUSH_CACHE=str(folder / "cache")
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert TASK.findall(done.stdout + done.stderr) == ["promote"]
    version = json.loads((folder / ".wordbrush/kfp/registry/champion.json").read_text())["version"]
    assert (folder / f".wordbrush/kfp/registry/versions/{version}/card.md").is_file()
    (page,) = (folder / ".wordbrush/kfp/outputs").glob("wordbrush-*/promote/page")
    assert "no champion yet" in page.read_text()


def test_pipeline_first_laptop_second(from_scratch, tmp_path):
    """A laptop that shares only the remote fetches what the pipeline made."""
    folder, _ = from_scratch
    laptop = Workspace.create(tmp_path, ROOT)
    laptop.run("dvc", "remote", "add", "-d", "shared", str(folder / ".wordbrush/kfp/remote"))
    log = laptop.run("dvc", "repro", "--pull").stdout
    assert RUNNING.findall(log) == []
    assert laptop.hashes() == {
        out["path"]: out["md5"]
        for stage in stages_of(folder / ".wordbrush/kfp/dvc.lock").values()
        for out in stage["outs"]
    }


def test_laptop_first_pipeline_second(finished, tmp_path):
    """A pipeline that shares only the remote fetches what a laptop made."""
    remote, folder = tmp_path / "remote", tmp_path / "local"
    folder.mkdir()
    laptop = Workspace(tmp_path / "laptop")
    shutil.copytree(finished.root, laptop.root)
    laptop.run("dvc", "remote", "add", "-d", "shared", str(remote))
    laptop.run("dvc", "push", "--run-cache")
    done = pipeline(
        "run",
        "--preset",
        "tiny",
        "--remote",
        str(remote),
        cwd=folder,
        WORDBRUSH_CACHE=str(folder / "cache"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert RUNNING.findall(done.stdout) == []
    assert stages_of(folder / ".wordbrush/kfp/dvc.lock") == stages_of(finished.root / "dvc.lock")


def test_people_see_pages_numbers_and_pointers(from_scratch):
    """Every stage's page is small and whole; pointers name bytes that are in the remote."""
    folder, _ = from_scratch
    # of the first run: the later ones executed few stages
    outputs = min((folder / ".wordbrush/kfp/outputs").glob("wordbrush-*"))
    pages = list(outputs.glob("*/page"))
    assert len(pages) == 15
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith("<!doctype html>") and len(text.encode()) <= 2_000_000
        assert "http://" not in text.replace("http://www.w3.org", "") and "data:image/" in text
    pointer = json.loads((outputs / "train-gan/generator").read_text())
    assert (
        pointer["path"] == "data/generator"
        and Path(pointer["uri"]).is_file()
        and pointer["size"] > 0
    )
    scalars = json.loads((outputs / "evaluate/scalars").read_text())
    assert "hn_targeted_edits.recall.10" in scalars


def test_adopting_a_local_run_brings_its_artifacts_home(from_scratch, tmp_path):
    folder, _ = from_scratch
    laptop = Workspace.create(tmp_path, ROOT)
    (laptop.root / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    done = pipeline("adopt", str(folder / ".wordbrush/kfp/dvc.lock"), cwd=laptop.root)
    assert done.returncode == 0, done.stderr
    assert (laptop.root / "dvc.lock.before").read_text() == "schema: '2.0'\nstages: {}\n"
    laptop.run("dvc", "remote", "add", "-d", "shared", str(folder / ".wordbrush/kfp/remote"))
    laptop.run("dvc", "pull")
    assert (laptop.root / "data/report/index.html").is_file()
    assert "Data and pipelines are up to date" in laptop.run("dvc", "status").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("compile", "--preset", "huge"), ("huge", "paper, small, tiny")),
        (("compile", "--preset", "../small"), ("no preset '../small'",)),
        (("compile", "--preset", ""), ("--preset is empty",)),
        (("compile", "--image", ""), ("--image is empty",)),
        (("compile", "--image="), ("--image is empty",)),
        (("compile", "--image", "my image"), ("'my image' is not the name of an image",)),
        (("compile", "--image", "Image:1"), ("small letters",)),
        (("compile", "--image", "a\nb"), (r"'a\nb'",)),
        (("compile", "--pools", "nowhere.yaml"), ("nowhere.yaml is missing",)),
        (("compile", "--pools", "."), (". is a folder",)),
        (("compile", "--output", "/proc/x.yaml"), ("/proc/x.yaml cannot be written",)),
        (("compile", "--output", "."), ("name a file",)),
        (("compile", "--output", "/dev/null"), ("is a device",)),
        (("compile", "--output", "/etc/hostname/x.yaml"), ("cannot be written",)),
        (("compile", "--output", "a" * 300), ("shorter name",)),
        (("run", "--preset", "huge"), ("huge",)),
        (("run", "--lock", "/proc/x.lock"), ("cannot be written",)),
        (("run", "--remote", "s3://bucket/x"), ("neither a folder nor gs://bucket/prefix",)),
        (("run", "--remote", "ftp://bucket/x"), ("neither a folder nor",)),
        (("run", "--remote", "gs://"), ("names no bucket",)),
        (("run", "--registry", ""), ("--registry is empty",)),
        (("run", "--docker", "--remote", "gs://bucket/dvc"), ("gs://bucket/dvc", "leave --remote")),
        (("schedule", "--cron", "0 3 * * 1"), ("six fields", "0 0 3 * * 1")),
        (("schedule", "--cron", "0 0 25 * * 1"), ("not valid", "allowed are 0-23")),
        (("schedule", "--cron", "0 0 3 * * 7"), ("allowed are 0-6 or sun-sat",)),
        (("schedule", "--cron", "0 0 3 30 2 *"), ("never run",)),
        (("schedule",), ("name one of",)),
        (("schedule", "--list", "--name", "a\nb"), ("--name",)),
        (("submit",), ("WORDBRUSH_REMOTE is not set",)),
        (("submit", "--remote", "s3://bucket/x"), ("neither a folder nor gs://bucket/prefix",)),
        (("submit", "--remote", "az://container/x"), ("neither a folder nor",)),
        (("submit", "--host", "localhost"), ("not a URL",)),
        (("submit", "--host", "http://me:secret@h"), ("WORDBRUSH_KFP_TOKEN",)),
        (("submit", "--namespace", "My_Space"), ("not a Kubernetes namespace",)),
        (("submit", "--service-account", "Runner"), ("not the name of a Kubernetes account",)),
        (("submit", "--pipeline-root", "folder"), ("gs://, s3:// or minio://",)),
        (("submit", "--every", "nan"), ("86400 seconds",)),
        (("submit", "--experiment", " "), ("--experiment is empty",)),
        (("adopt", "nothing", "--host", "http://127.0.0.1:9"), ("does not answer", "no file here")),
        (("adopt", "nowhere.lock"), ("nowhere.lock is missing",)),
        (("adopt", "nowhere/lock"), ("nowhere/lock is missing",)),
        (("adopt", "~/nowhere.lock"), ("nowhere.lock is missing",)),
        (("adopt", "."), ("is a folder",)),
        (("adopt", ""), ("an argument is empty",)),
        (("adopt", str(ROOT / "README.md")), ("is not a",)),
        (("adopt", "x.lock", "--target", "."), ("name a file",)),
        (("adopt", "x.lock", "--target", "/proc/dvc.lock"), ("cannot be written",)),
    ],
)
def test_bad_input_is_one_sentence(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pipeline.py", *arguments])
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WORDBRUSH_")}
    with patch.dict(os.environ, clean, clear=True), pytest.raises(SystemExit) as ended:
        run_command(app, "pipeline")
    said = capsys.readouterr()
    assert ended.value.code == 2 and not said.out
    assert len(said.err.strip().splitlines()) == 1 and "secret" not in said.err
    for word in words:
        assert word in said.err
    kept = {path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()}
    assert kept == set()


def test_a_mistake_is_one_sentence_in_a_process_of_its_own(tmp_path):
    done = pipeline("compile", "--image", "my image", cwd=tmp_path)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.startswith("pipeline: --image 'my image' is not the name of an image")
    assert len(done.stderr.splitlines()) == 1 and not (tmp_path / "pipeline.yaml").exists()


PARTS = st.sampled_from(
    [
        *("a", "new", "a b", "été", "日本", "...", "-x", "x.yaml", "'", "%s", "a" * 255, "a" * 256),
        *("file", "folder", "pipe", "link", "..", "."),
    ]
)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(parts=st.lists(PARTS, min_size=1, max_size=4))
def test_where_a_file_can_be_written_is_known_before(parts):
    """A path is refused with one sentence, or takes the file; nothing else is changed."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "one/two/three/four"  # `..` stays inside
        (root / "folder").mkdir(parents=True)
        (root / "file").write_text("old")
        (root / "link").symlink_to("folder")
        os.mkfifo(root / "pipe")
        target = root.joinpath(*parts)
        try:
            require_writable(target)
        except WordbrushError as error:
            assert str(error).isprintable() and not os.path.isfile(target)
            with pytest.raises(WordbrushError), whole_file(target) as scratch:
                scratch.write_text("new")
        else:
            before = (root / "file").read_text()
            with whole_file(target) as scratch:
                scratch.write_text("new")
            assert target.read_text() == "new" and before == "old"
        assert not list(Path(name).rglob(".*.partial"))
        assert stat.S_ISFIFO((root / "pipe").lstat().st_mode)
        assert (root / "file").read_text() in ("old", "new") and (root / "folder").is_dir()


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
