"""The compiled pipeline and Argo's defaults are good; each check finds its fault."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from components import all_components
from k8s.checks import compiled, workflows
from k8s.checks.__main__ import DEFAULTS, PIPELINE, faults_of_runs
from k8s.checks.expressions import holds
from tests.k8s.overlays import ROOT
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.dag import write_pipeline
from wordbrush.kubeflow.compiler.plan import UNMARKED, make_plan
from wordbrush.kubeflow.compiler.pools import load_pools
from wordbrush.kubeflow.compiler.spec import leaves

STAGE = "train-gan"
Change = Callable[[dict[str, Any]], Any]


def grouped(text: str) -> str:
    """The pools with the two groups that stand there as comments (docs/cluster-costs.md)."""
    before, mark, groups = text.partition("#groups:")
    return before + (mark + groups).replace("\n#", "\n").removeprefix("#")


UI = "https://kubeflow.example.org"
POOLS = "k8s/pools.yaml"
# What is compiled: the file of the pools, what the plan has more, and how many tasks have a pod.
PLANS: dict[str, tuple[str, dict[str, Any], int]] = {
    "flat": (POOLS, {}, 17),
    "kind": ("k8s/overlays/kind/pools.yaml", {}, 17),
    "classes": ("k8s/components/compute-classes/pools.yaml", {}, 17),
    "schedule": (POOLS, {"compares": True, "gate": True}, 20),
    "notify": (POOLS, {"notify": UI}, 18),
    "both": (POOLS, {"compares": True, "gate": True, "notify": UI}, 21),
    "groups": ("grouped.yaml", {}, 11),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Path]:
    """Each plan, compiled once."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "grouped.yaml").write_text(grouped((ROOT / POOLS).read_text()))
    plan = make_plan(ROOT, "tiny", "image:1", ROOT / POOLS, cached=False)
    for name, (pools, more, _) in PLANS.items():
        path = folder / pools if pools == "grouped.yaml" else ROOT / pools
        planned = replace(plan, pools=load_pools(path), **more)
        write_pipeline(planned, all_components(), folder / f"{name}.yaml")
    return {name: folder / f"{name}.yaml" for name in PLANS}


@pytest.fixture(params=PLANS)
def name(request) -> str:
    """A plan's."""
    return request.param


@pytest.fixture
def file(files, name) -> Path:
    return files[name]


@pytest.fixture(scope="module", params=["flat", "both"])
def untouched(files, request) -> list[dict[str, Any]]:
    """A pipeline's spec and its platform's; its stages are tasks of it, or of a condition in it."""
    return load(files[request.param])


@pytest.fixture
def documents(untouched) -> list[dict[str, Any]]:
    """A copy, to change."""
    return deepcopy(untouched)


def load(file: Path) -> list[dict[str, Any]]:
    return list(YAML(typ="safe").load_all(file.read_text()))


@pytest.fixture
def spec() -> dict[str, Any]:
    return workflows.read(DEFAULTS)


def saved(folder: Path, documents: list[dict[str, Any]]) -> Path:
    target = folder / "pipeline.yaml"
    target.write_text("\n---\n".join(map(json.dumps, documents)))  # JSON is YAML, and quick
    return target


def test_what_we_compile_and_send_and_apply_is_good(file, name):
    assert faults_of_runs(file, DEFAULTS) == []
    assert len(compiled.read(file).tasks) == PLANS[name][2]


def test_the_committed_pipeline_is_good():
    assert faults_of_runs(PIPELINE, DEFAULTS) == []


def entry(documents: list[dict[str, Any]]) -> dict[str, Any]:
    (found,) = (leaf.entry for leaf in leaves(documents[0]) if leaf.name == STAGE)
    return found


def cached(documents: list[dict[str, Any]], mark: str | None) -> None:
    """KFP's cache may answer the stage, which has this mark."""
    entry(documents)["cachingOptions"] = {"enableCache": True}
    entry(documents)["inputs"]["parameters"]["mark"] = {"runtimeValue": {"constant": mark}}


def without_key(documents: list[dict[str, Any]]) -> None:
    cached(documents, "0f")
    component(documents)["inputDefinitions"]["parameters"].pop("key")


def without_mark(documents: list[dict[str, Any]]) -> None:
    cached(documents, "0f")
    del entry(documents)["inputs"]["parameters"]["mark"]


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
        (without_mark, "no parameter 'mark'"),
        (lambda one: cached(one, ""), "no parameter 'mark' with a value"),
        (lambda one: cached(one, UNMARKED), "the parameter 'mark' is 'unmarked'"),
        (without_key, "no parameter 'key'"),
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
    del entry(documents)["inputs"]["parameters"]["mark"]
    assert faults_of_runs(saved(tmp_path, documents), DEFAULTS) == []


def test_a_task_whose_outputs_were_looked_for_may_be_cached(documents, tmp_path):
    cached(documents, "0f")
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


def test_the_longest_chain_is_that_of_the_dag(files):
    pipeline = compiled.read(files["flat"])

    def chains(name: str) -> Iterator[int]:
        for before in pipeline.tasks[name].leaf.before:
            for length in chains(before):
                yield length + pipeline.tasks[name].timeout
        yield pipeline.tasks[name].timeout

    assert pipeline.longest == max(length for name in pipeline.tasks for length in chains(name))


def test_the_longest_chain_leads_through_conditions_and_exit_handlers(files):
    """The first task, the stages behind it, the gate, and word of the end."""
    flat, both = (compiled.read(files[name]) for name in ("flat", "both"))
    around = [both.tasks[name].timeout for name in ("compare", "promote", "notify")]
    assert both.longest == flat.longest + sum(around)
    assert set(both.tasks["notify"].leaf.before) == both.tasks.keys() - {"notify"}
    assert both.tasks["render-scenes"].leaf.before == ("compare",)


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
def test_the_command_checks_the_pipeline_that_it_is_given(files, tmp_path):
    documents = load(files["flat"])

    def check(pipeline: Path) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "k8s.checks", str(ROOT / "k8s/overlays/kind")]
        command += ["--pipeline", str(pipeline)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    good = check(files["flat"])
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
