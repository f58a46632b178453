"""pipeline.py: the compiled DAG against dvc.yaml, pools and cache keys."""

import json
import os
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

from tests.kfp_server import IMAGE, Compiled, pipeline
from wordbrush.errors import WordbrushError, run_command
from wordbrush.kubeflow.tasks.provenance import VARIABLE as PROVENANCE
from wordbrush.storage.files import require_writable, whole_file
from wordbrush.versioning.keys import edges

ROOT = Path(__file__).resolve().parents[1]


def compile_to(target: Path, *options: str) -> Compiled:
    """What `pipeline.py compile` writes, in this process, which loads kfp once for all tests."""
    app(["compile", *options, "--output", str(target)], standalone_mode=False)
    return Compiled.read(target)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory) -> Compiled:
    return compile_to(tmp_path_factory.mktemp("compiled") / "pipeline.yaml")


def test_the_dag_is_that_of_dvc(compiled):
    with Repo(str(ROOT)) as repo:
        wanted = {stage: sorted(before) for stage, before in edges(repo).items()}
    assert compiled.edges == wanted
    assert len(wanted) == 17


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
        # `spot: true`: Kueue adds what the kind of node needs (tests/kubeflow/test_pools.py)
        assert kubernetes["nodeSelector"]["labels"] == pool["node_selector"]
        assert [one["key"] for one in kubernetes["tolerations"]] == [
            one["key"] for one in pool["tolerations"]
        ]
        mounts = {mount["mountPath"]: mount for mount in kubernetes["emptyDirMounts"]}
        assert mounts["/dev/shm"] == {
            "medium": "Memory",
            "mountPath": "/dev/shm",
            "sizeLimit": pool["shared_memory"],
            "volumeName": "shared-memory",
        }
        assert mounts["/tmp"]["sizeLimit"] == pool["scratch"]
        assert kubernetes["activeDeadlineSeconds"] == str(int(pool["timeout_hours"] * 3600))
        assert kubernetes["securityContext"]["runAsNonRoot"] is True
        stage = {"wordbrush/stage": name.replace("@", ".")}  # for `pipeline.py logs`
        assert kubernetes["podMetadata"]["labels"] == pools["labels"] | stage
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
    return {name: one.parameters(name)["key"] for name in one.tasks}


def test_another_image_is_another_entry_of_the_cache_for_every_stage(compiled, tmp_path):
    other = compile_to(tmp_path / "other.yaml", "--image", "other:1")
    assert other.container("evaluate")["image"] == "other:1"
    assert keys(other) == keys(compiled)
    for name in compiled.tasks:
        assert other.fingerprint(name) != compiled.fingerprint(name)


def test_stages_of_one_component_are_told_apart(compiled):
    prints = [json.dumps(compiled.fingerprint(name)) for name in compiled.tasks]
    assert len(set(prints)) == 17


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


PODS = ("--service-account", "runner", "--image", IMAGE)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("compile", "--preset", "huge"),
            ("huge", "paper, recorded, redrawn, senses, small, sounds, stamps, tiny"),
        ),
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
        (("compile", "--output", "no/x.yaml"), ("no/x.yaml", "the folder no is not there")),
        (("compile", "--trial", "1000"), ("--trial 1000", "less than 1000")),
        (("compile", "--trial", "-1"), ("--trial -1", "greater than or equal to 0")),
        (
            ("upload", "--preset", "tiny", "--preset", "huge", "--image", IMAGE),
            ("no preset 'huge'",),
        ),
        (("submit", "--note", "a\nb", "--remote", "x"), ("--note",)),
        (("run", "--preset", "huge"), ("huge",)),
        (("run", "--lock", "/proc/x.lock"), ("cannot be written",)),
        (("run", "--remote", "s3://bucket/x"), ("neither a folder nor gs://bucket/prefix",)),
        (("run", "--remote", "ftp://bucket/x"), ("neither a folder nor",)),
        (("run", "--remote", "gs://"), ("names no bucket",)),
        (("run", "--registry", ""), ("--registry is empty",)),
        (("run", "--docker", "--remote", "gs://bucket/dvc"), ("gs://bucket/dvc", "leave --remote")),
        (("schedule", *PODS, "--cron", "0 3 * * 1"), ("six fields", "0 0 3 * * 1")),
        (("schedule", *PODS, "--cron", "0 0 25 * * 1"), ("not valid", "allowed are 0-23")),
        (("schedule", *PODS, "--cron", "0 0 3 * * 7"), ("allowed are 0-6 or sun-sat",)),
        (("schedule", *PODS, "--cron", "0 0 3 30 2 *"), ("never run",)),
        (("schedule",), ("name one of",)),
        (("schedule", "--list", "--name", "a\nb"), ("--name",)),
        (("submit", *PODS), ("WORDBRUSH_REMOTE is not set",)),
        (("submit", *PODS, "--remote", "s3://b/x"), ("neither a folder nor gs://bucket/prefix",)),
        (("submit", *PODS, "--remote", "az://container/x"), ("neither a folder nor",)),
        (("submit", "--host", "localhost"), ("not a URL",)),
        (("submit", "--host", "http://me:secret@h"), ("WORDBRUSH_KFP_TOKEN",)),
        (("submit", "--namespace", "My_Space"), ("not a Kubernetes namespace",)),
        (("submit", "--service-account", "Runner"), ("not the name of a Kubernetes account",)),
        (("submit", "--pipeline-root", "folder"), ("gs://, s3:// or minio://",)),
        (("submit", *PODS, "--every", "nan"), ("86400 seconds",)),
        (("wait", "r1", "--every", "0"), ("86400 seconds",)),
        (("submit", "--experiment", " "), ("--experiment is empty",)),
        (("adopt", "nothing", "--host", "http://127.0.0.1:9"), ("does not answer", "no file here")),
        (("adopt", "nowhere.lock"), ("nowhere.lock is missing",)),
        (("adopt", "nowhere/lock"), ("nowhere/lock is missing",)),
        (("adopt", "~/nowhere.lock"), ("nowhere.lock is missing",)),
        (("adopt", "."), ("is a folder",)),
        (("adopt", ""), ("an argument is empty",)),
        (("adopt", str(ROOT / "README.md")), ("is not a",)),
        (("adopt", "x.lock", "--target", "."), ("name a file",)),
        (("adopt", "x.lock", "--target", "no/dvc.lock"), ("the folder no is not there",)),
        (("run", "--lock", "no/dvc.lock"), ("the folder no is not there",)),
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


def test_a_trial_changes_the_keys_of_the_stages_that_train_davenet(compiled, tmp_path):
    other = compile_to(tmp_path / "trial.yaml", "--trial", "1")
    before, after = keys(compiled), keys(other)
    same = {name.partition("@")[0] for name in before if before[name] == after[name]}
    assert same == {
        *("render-scenes", "train-gan", "train-segmenter"),
        *("sample-images", "synthesize-captions", "speak-edits"),
    }


def test_pools_name_file_and_field(tmp_path):
    pools, target = tmp_path / "pools.yaml", tmp_path / "x.yaml"
    text = (ROOT / "k8s/pools.yaml").read_text()
    pools.write_text(text.replace("train-gan: gpu", "train-gan: tpu"))
    with pytest.raises(WordbrushError, match="'tpu'"):
        compile_to(target, "--pools", str(pools))
    pools.write_text(text.replace("memory: 24Gi", "memory: lots"))
    with pytest.raises(WordbrushError, match=r"pools\.yaml.*pools\.gpu\.memory"):
        compile_to(target, "--pools", str(pools))
    pools.write_text(f"{text}\ngroups: {{a: [render-scenes, train-gan]}}\n")
    with pytest.raises(WordbrushError, match=r"pools\.yaml: groups: a is one pod"):
        compile_to(target, "--pools", str(pools))
    assert not target.exists()


def test_a_pool_of_two_gpus_starts_two_processes(tmp_path):
    (tmp_path / "pools.yaml").write_text(
        (ROOT / "k8s/pools.yaml").read_text().replace("gpu, count: 1", "gpu, count: 2")
    )
    two = compile_to(tmp_path / "two.yaml", "--pools", str(tmp_path / "pools.yaml"))
    for stage, variables in (
        ("train-gan", [{"name": "WORDBRUSH_PROCESSES", "value": "2"}]),
        ("render-scenes", []),
    ):
        container = two.container(stage)
        made = [one for one in container["env"] if one["name"] != PROVENANCE]
        assert made == variables
        assert container["resources"].get("accelerator", {}).get("resourceCount") == (
            "2" if variables else None
        )


def test_help_loads_nothing_heavy():
    code = "import sys, pipeline; print({'kfp', 'torch', 'dvc', 'pydantic'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.stdout == "set()\n", done.stderr


def test_help_is_quick_and_has_examples():
    verbs = ("compile", "run", "submit", "upload", "schedule", "adopt")
    for verb in (*verbs, "list", "status", "wait", "cancel", "logs"):
        done = pipeline(verb, "--help")
        assert done.returncode == 0 and "Example: python pipeline.py" in " ".join(
            done.stdout.split()
        )
