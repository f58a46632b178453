"""The compiled pipeline and Argo's defaults are good; each check finds its fault."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from pipeline import app
from ruamel.yaml import YAML

from k8s.checks import compiled, workflows
from k8s.checks.__main__ import DEFAULTS, faults_of_runs
from k8s.checks.expressions import holds
from tests.k8s.overlays import ROOT
from wordbrush.errors import WordbrushError

STAGE = "train-gan"
Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module", params=["k8s/pools.yaml", "k8s/overlays/kind/pools.yaml"])
def file(request, tmp_path_factory) -> Path:
    """The pipeline, compiled with the pools of an overlay."""
    target = tmp_path_factory.mktemp("compiled") / "pipeline.yaml"
    pools = str(ROOT / request.param)
    app(["compile", "--pools", pools, "--output", str(target)], standalone_mode=False)
    return target


@pytest.fixture
def documents(file) -> list[dict[str, Any]]:
    """The pipeline's spec and its platform's."""
    return list(YAML(typ="safe").load_all(file.read_text()))


@pytest.fixture
def spec() -> dict[str, Any]:
    return workflows.read(DEFAULTS)


def saved(folder: Path, documents: list[dict[str, Any]]) -> Path:
    with (folder / "pipeline.yaml").open("w") as target:
        YAML(typ="safe").dump_all(documents, target)
    return folder / "pipeline.yaml"


def test_what_we_compile_and_apply_is_good(file):
    assert faults_of_runs(file, DEFAULTS) == []
    assert len(compiled.read(file).tasks) == 15


def entry(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return documents[0]["root"]["dag"]["tasks"][STAGE]


def component(documents: list[dict[str, Any]]) -> dict[str, Any]:
    return documents[0]["components"][f"comp-{STAGE}"]


def pod(documents: list[dict[str, Any]]) -> dict[str, Any]:
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    return executors[f"exec-{STAGE}"]


def whole_timeout(documents: list[dict[str, Any]]) -> None:
    """A window for all attempts, and none for the time that they wait."""
    policy = entry(documents)["retryPolicy"]
    attempts = policy["maxRetryCount"] + 1
    seconds = attempts * int(pod(documents)["activeDeadlineSeconds"])
    policy["backoffMaxDuration"] = f"{seconds}s"


def unbounded(documents: list[dict[str, Any]]) -> None:
    for mount in pod(documents)["emptyDirMounts"]:
        if mount["mountPath"] == "/tmp":
            del mount["sizeLimit"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (whole_timeout, "s may take longer"),
        (
            lambda one: entry(one)["retryPolicy"].update(backoffMaxDuration="1800s"),
            "backoffMaxDuration is 1800 s",
        ),
        (lambda one: entry(one)["retryPolicy"].update(backoffFactor=1.5), "backoffFactor is 1.5"),
        (lambda one: entry(one).pop("retryPolicy"), "there are no retries or no time limit"),
        (lambda one: pod(one).pop("activeDeadlineSeconds"), "there are no retries or no time"),
        (lambda one: entry(one)["cachingOptions"].update(cacheKey="a"), "cacheKey is read by no"),
        (lambda one: entry(one)["inputs"]["parameters"].pop("mark"), "no parameter 'mark'"),
        (
            lambda one: entry(one)["inputs"]["parameters"].update(
                mark={"runtimeValue": {"constant": ""}}
            ),
            "no parameter 'mark' with a value",
        ),
        (
            lambda one: component(one)["inputDefinitions"]["parameters"].pop("key"),
            "no parameter 'key'",
        ),
        (unbounded, "/tmp is no volume with a sizeLimit"),
        (lambda one: pod(one)["emptyDirMounts"].pop(0), "/dev/shm is no volume with a sizeLimit"),
        (
            lambda one: pod(one)["emptyDirMounts"].append({"mountPath": "/more"}),
            "/more is no volume with a sizeLimit",
        ),
        (lambda one: pod(one).pop("securityContext"), "the securityContext allows root"),
        (
            lambda one: pod(one)["securityContext"].update(runAsUser="0"),
            "the securityContext allows root",
        ),
    ],
)
def test_a_faulty_pipeline_is_one_sentence(documents, tmp_path, change, complaint):
    change(documents)
    (fault,) = faults_of_runs(saved(tmp_path, documents), DEFAULTS)
    assert fault.startswith(f"{tmp_path}/pipeline.yaml: {STAGE}: ") and complaint in fault


def test_a_task_that_is_never_cached_needs_no_mark(documents, tmp_path):
    entry(documents)["cachingOptions"] = {}
    del entry(documents)["inputs"]["parameters"]["mark"]
    assert faults_of_runs(saved(tmp_path, documents), DEFAULTS) == []


def strategy(spec: dict[str, Any]) -> dict[str, Any]:
    return spec["templateDefaults"]["retryStrategy"]


def policy_alone(spec: dict[str, Any]) -> None:
    """What these defaults were before: everything is tried again."""
    del strategy(spec)["expression"]


def killed_or_error(spec: dict[str, Any]) -> None:
    strategy(spec)["expression"] = (
        "lastRetry.status == 'Error' || asInt(lastRetry.exitCode) in [137, 143]"
    )


def no_kill(spec: dict[str, Any]) -> None:
    strategy(spec)["expression"] = "lastRetry.message matches 'pod deleted'"


@pytest.mark.parametrize(
    ("change", "complaints"),
    [
        (policy_alone, ("there is no expression",)),
        (killed_or_error, ("without enough memory is", "DAG whose pod vanished is tried again")),
        (
            lambda spec: strategy(spec).update(expression="asInt(lastRetry.exitCode) > 0"),
            ("a stage that failed (exit code 1) is tried", "a pod that vanished is not tried"),
        ),
        (no_kill, ("(exit code 143) is not tried again", "(exit code 137) is not tried again")),
        (lambda spec: strategy(spec).update(limit="15"), ("the limit is 15",)),
        (lambda spec: strategy(spec).pop("limit"), ("the limit is missing",)),
        (lambda spec: strategy(spec).update(retryPolicy="OnError"), ("with the policy OnError",)),
        (lambda spec: spec.pop("templateDefaults"), ("the limit is missing", "no expression")),
    ],
)
def test_defaults_that_try_the_wrong_things_again_are_named(spec, change, complaints):
    change(spec)
    found = list(workflows.retries(spec))
    for complaint in complaints:
        assert any(complaint in fault for fault in found), found


def test_a_run_ends_but_not_before_its_stages_may(spec, file):
    pipeline = compiled.read(file)
    assert list(workflows.deadline(spec, pipeline)) == []
    (early,) = workflows.deadline(spec | {"activeDeadlineSeconds": pipeline.longest}, pipeline)
    assert f"activeDeadlineSeconds is {pipeline.longest}, but" in early
    (never,) = workflows.deadline({}, pipeline)
    assert "a run that hangs would never end" in never


def test_the_longest_chain_is_that_of_the_dag(file):
    pipeline = compiled.read(file)

    def chains(name: str) -> Iterator[int]:
        for before in pipeline.before[name]:
            for length in chains(before):
                yield length + pipeline.tasks[name].timeout
        yield pipeline.tasks[name].timeout

    assert pipeline.longest == max(length for name in pipeline.tasks for length in chains(name))


# What expr-lang 1.17.7, the evaluator of Argo 4.0.5, answered of the same expression.
@pytest.mark.parametrize("attempt", workflows.FINAL.values(), ids=workflows.FINAL)
def test_what_fails_for_good_is_not_tried_again(spec, attempt):
    assert not holds(strategy(spec)["expression"], vars(attempt))


@pytest.mark.parametrize("attempt", workflows.PASSING.values(), ids=workflows.PASSING)
def test_what_vanished_or_was_killed_is_tried_again(spec, attempt):
    assert holds(strategy(spec)["expression"], vars(attempt))


LAST = {"exitCode": "143", "status": "Failed", "message": "it || failed && 'matches'"}


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("asInt(lastRetry.exitCode) == 143", True),
        ("asInt(lastRetry.exitCode) not in [1, -1]", True),
        ("asInt(lastRetry.exitCode) < 143 || lastRetry.status != 'Failed'", False),
        ("lastRetry.status in ['Error', \"Failed\"] && !(lastRetry.status == 'Error')", True),
        ("lastRetry.message matches 'fail.d && ' && lastRetry.message matches '^it'", True),
        ("lastRetry.status == '||'", False),
        ("true", WordbrushError),
        ("lastRetry.status", WordbrushError),
        ("lastRetry.nothing == ''", WordbrushError),
        ("lastRetry.status ? true : false", WordbrushError),
        ("asInt(lastRetry.status) == 1", WordbrushError),
        ("lastRetry.message matches '('", WordbrushError),
        ("__import__('os').getpid() == 1", WordbrushError),
        ("", WordbrushError),
    ],
)
def test_expressions(expression, value):
    if value is WordbrushError:
        with pytest.raises(WordbrushError, match="expression"):
            holds(expression, LAST)
    else:
        assert holds(expression, LAST) is value


@pytest.mark.parametrize("content", ["", "a: [", "a: 1", "a: 1\n---\nb: 2\n", None])
def test_another_file_is_one_sentence(tmp_path, content):
    target = tmp_path / "other.yaml"
    if content is not None:
        target.write_text(content)
    for read in (compiled.read, workflows.read):
        with pytest.raises(WordbrushError) as fault:
            read(target)
        assert str(fault.value).startswith(str(target)) and "\n" not in str(fault.value)


@pytest.mark.cluster
def test_the_command_checks_the_pipeline_that_it_is_given(documents, tmp_path):
    def check(pipeline: Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "k8s.checks", str(ROOT / "k8s/overlays/kind")]
        command += ["--pipeline", str(pipeline)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    good = check(saved(tmp_path, deepcopy(documents)))
    assert good.returncode == 0, good.stderr
    for one in documents[0]["root"]["dag"]["tasks"].values():
        one["retryPolicy"]["backoffMaxDuration"] = "900s"
    wrong = check(saved(tmp_path, documents))
    assert wrong.returncode == 2 and "Traceback" not in wrong.stderr
    assert "backoffMaxDuration is 900 s" in wrong.stderr and "train-gan" in wrong.stderr


@pytest.mark.parametrize(
    "patch",
    [
        None,
        "{",
        "{}",
        '{"containers": [{"name": "main"}]}',
        '{"containers": [{"name": "wait", "lifecycle": {"preStop": {"exec": {"command": '
        '["python", "-m", "wordbrush.kubeflow.tasks.grace"]}}}}]}',
    ],
)
def test_a_stage_that_could_not_save_is_found(spec, patch):
    assert list(workflows.stopping(spec)) == []
    (fault,) = workflows.stopping(spec | {"podSpecPatch": patch})
    assert "preStop" in fault
