"""Runs on a server: found, listed, described, ended, and their logs."""

from datetime import UTC, datetime, timedelta

import pytest
from kfp_server_api import models

from tests.kfp_server import Reply, Server, task_detail
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server import client, following, progress, runs
from wordbrush.kubeflow.server.connection import Connection

FIRST = "0f8b6d2e-5c1f-4b1e-9c55-7d1d0f1f6a10"
SECOND = "0f8b6d2e-5c1f-4b1e-9c55-7d1d0f1f6a99"
THIRD = "77aa0f8b-0000-4b1e-9c55-7d1d0f1f6a10"  # has the beginning of the others inside


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


@pytest.fixture
def api(server: Server, connection: Connection):
    for number, one in enumerate((FIRST, SECOND, THIRD)):
        server.runs[one] = {
            "run_id": one,
            "display_name": f"run {number}",
            "created_at": ago(hours=3 - number),
            "state": "SUCCEEDED",
        }
    return client.make_api(connection)


def test_a_beginning_finds_a_run(api, connection, server):
    assert runs.find(api, connection, "77") == THIRD
    assert runs.find(api, connection, FIRST[:-2] + "9") == SECOND
    assert runs.find(api, connection, FIRST) == FIRST
    assert len(server.requests) == 2  # a whole id is not looked up


def test_a_beginning_of_several_lists_them(api, connection):
    with pytest.raises(WordbrushError, match="may be any of") as caught:
        runs.find(api, connection, "0f8b")
    assert FIRST in str(caught.value) and SECOND in str(caught.value)
    assert "run 1" in str(caught.value) and THIRD not in str(caught.value)


def test_an_unknown_beginning(api, connection):
    with pytest.raises(WordbrushError, match=r"no run .* begins with abc.*pipeline.py list"):
        runs.find(api, connection, "abc")


def test_runs_are_listed_newest_first_over_pages(api, connection, server, monkeypatch):
    monkeypatch.setattr(runs, "PAGE", 2)
    server.runs[FIRST]["description"] = "preset small, commit 1a2b3c"
    assert runs.list_runs(api, connection, 9) == [
        f"{THIRD[:8]:35}  run 2  succeeded  1 h 00 min ago",
        f"{SECOND[:35]}  run 1  succeeded  2 h 00 min ago",
        f"{FIRST[:35]}  run 0  succeeded  3 h 00 min ago  preset small, commit 1a2b3c",
    ]
    assert len(server.asked("GET", "/runs")) == 2
    assert [line[:9] for line in runs.list_runs(api, connection, 1)] == ["77aa0f8b "]


def pipeline_of(*names: str) -> dict:
    tasks = {
        name.replace("@", "-"): {"taskInfo": {"name": name}, "componentRef": {"name": "comp"}}
        for name in names
    }
    components = {"comp": {"executorLabel": "exec"}}
    return {"pipeline_spec": {"root": {"dag": {"tasks": tasks}}, "components": components}}


def tasks() -> list[dict]:
    return [
        task_detail("root", "RUNNING", ago(minutes=90)),
        task_detail("root-driver", "SUCCEEDED", ago(minutes=90), ago(minutes=89)),
        task_detail("train-gan-driver", "SUCCEEDED", ago(minutes=70), ago(minutes=69)),
        task_detail("train-gan", "RUNNING", ago(minutes=65)),
        task_detail("executor", "RUNNING", ago(minutes=65)),
        task_detail("render-scenes-driver", "SUCCEEDED", ago(minutes=89), ago(minutes=88)),
        task_detail("render-scenes", "SUCCEEDED", ago(minutes=88), ago(minutes=71)),
        task_detail("executor", "SUCCEEDED", ago(minutes=88), ago(minutes=71)),
        task_detail("evaluate-hard-driver", "FAILED", ago(minutes=10), ago(minutes=9)),
        task_detail("evaluate-hard", "RUNTIME_STATE_UNSPECIFIED"),
        task_detail("report-driver", "RUNTIME_STATE_UNSPECIFIED"),
        task_detail("report", "RUNTIME_STATE_UNSPECIFIED"),
    ]


@pytest.fixture
def run(api, server):
    names = ("evaluate@hard", "promote", "render-scenes", "report", "train-gan")
    server.runs[FIRST] |= {"pipeline_spec": pipeline_of(*names), "finished_at": ago(minutes=5)}
    server.tasks, server.states = tasks(), ["FAILED"]
    return client.look_at(api, FIRST)


def test_a_run_is_described_by_its_stages(api, run):
    assert progress.describe(api, run) == [
        f"{FIRST}  run 0  failed  2 h 55 min",
        "render-scenes  succeeded  17 min 00 s",
        "train-gan      running    1 h 05 min",
        "evaluate@hard  failed     1 min 00 s",
        "promote        waiting",
        "report         not run",
    ]


def of_version(run: models.V2beta1Run) -> models.V2beta1Run:
    """The run as one that the UI started of an uploaded version, which alone it names."""
    run.pipeline_spec = None
    run.pipeline_version_reference = models.V2beta1PipelineVersionReference("p1", "v1")
    return run


def test_a_run_of_an_uploaded_version_is_described_as_any_other(api, run, server):
    wanted = progress.describe(api, run)
    server.versions["v1"] = {"pipeline_id": "p1", "pipeline_spec": run.pipeline_spec}
    assert progress.describe(api, of_version(run)) == wanted
    (failure,) = progress.failures(api, run, "0f8b6d2e")
    assert failure.endswith("logs 0f8b6d2e evaluate@hard`.")
    assert progress.chosen_stages(api, run, None) == ["evaluate@hard"]


def test_a_run_whose_version_was_deleted_has_the_names_of_kubeflow(api, run, server):
    gone = Reply(b'{"error": "version not found", "code": 5}', 404)
    server.next["/pipelines/p1/versions"] = [gone]
    names = [stage.name for stage in progress.stages_of(api, of_version(run))]
    assert names == ["render-scenes", "train-gan", "evaluate-hard", "report"]


def test_stages_behind_a_condition_are_stages_and_their_group_is_none(api, run):
    """As those of scheduled runs, which compare first."""
    spec = run.pipeline_spec["pipeline_spec"]
    inner = {"dag": {"tasks": spec["root"]["dag"]["tasks"]}}
    group = {"taskInfo": {"name": "changed"}, "componentRef": {"name": "comp-changed"}}
    compare = {"taskInfo": {"name": "compare"}, "componentRef": {"name": "comp-compare"}}
    spec["root"] = {"dag": {"tasks": {"condition-1": group, "compare": compare}}}
    spec["components"] |= {"comp-changed": inner, "comp-compare": {"executorLabel": "x"}}
    run.run_details.task_details[0].display_name = "condition-1-driver"
    names = [stage.name for stage in progress.stages_of(api, run)]
    assert names == [
        *("render-scenes", "train-gan", "evaluate@hard"),
        *("compare", "promote", "report"),
    ]


def test_a_run_that_has_not_begun(api, server):
    server.states = ["PENDING"]
    assert progress.describe(api, client.look_at(api, FIRST)) == [
        f"{FIRST}  run 0  pending  3 h 00 min"
    ]


def test_what_failed_is_named_with_its_logs(api, run):
    assert progress.failures(api, run, "0f8b6d2e") == [
        "evaluate@hard failed. What it printed: `python pipeline.py logs 0f8b6d2e evaluate@hard`."
    ]
    run.run_details = None
    assert progress.failures(api, run, "0f8b6d2e") == [
        "`python pipeline.py status 0f8b6d2e` shows its stages."
    ]


def test_a_run_is_ended_once(api, server):
    server.states = ["RUNNING"]
    assert runs.cancel(api, FIRST)
    assert server.asked("POST", f"/runs/{FIRST}:terminate") and server.states == ["CANCELED"]
    assert not runs.cancel(api, FIRST)


def test_logs_of_the_stages_that_failed_or_else_run(api, run):
    assert progress.chosen_stages(api, run, None) == ["evaluate@hard"]
    assert progress.chosen_stages(api, run, "report") == ["report"]
    with pytest.raises(WordbrushError, match=r"has no stage paint; it has .*train-gan"):
        progress.chosen_stages(api, run, "paint")
    run.run_details.task_details = run.run_details.task_details[:8]
    assert progress.chosen_stages(api, run, None) == ["train-gan"]
    run.run_details.task_details = []
    with pytest.raises(WordbrushError, match="no stage failed or runs: name one of"):
        progress.chosen_stages(api, run, None)


def test_logs_are_asked_for_by_labels(connection):
    names = ["evaluate@hard", "mine-a"]
    find, show = progress.log_commands(connection, FIRST, names)
    pods = [
        "--namespace=kubeflow",
        f"--selector=pipeline/runid={FIRST},wordbrush/stage in (evaluate.hard,mine-a)",
    ]
    assert find[:5] == ["kubectl", "get", "pods", *pods] and show[:4] == ["kubectl", "logs", *pods]
    assert "--follow" not in show
    _, show = progress.log_commands(connection, FIRST, names, goes_on=True)
    assert show[-2:] == ["--follow", "--max-log-requests=50"]


KUBECTL = """#!/bin/sh
case "$1" in
  get) echo "$PODS" ;;
  logs) echo "the log"; exit "$CODE" ;;
esac
"""


@pytest.fixture
def logs(run, connection, server, monkeypatch, tmp_path):
    """`pipeline.py logs` with a kubectl for which these stages have pods, and logs this end."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "kubectl").write_text(KUBECTL)
    (tmp_path / "kubectl").chmod(0o755)

    def call(pods: str, code: int = 0, goes_on: bool = False) -> None:
        monkeypatch.setenv("PODS", pods)
        monkeypatch.setenv("CODE", str(code))
        following.logs(FIRST, None, server.host, "kubeflow", goes_on)

    return call


@pytest.fixture
def two_run(server):
    running = [task_detail(name, "RUNNING", ago(minutes=9)) for name in ("train-gan", "promote")]
    server.tasks = running


def test_one_command_shows_all_stages(logs, two_run, capfd):
    logs("train-gan promote train-gan", goes_on=True)
    said = capfd.readouterr()
    assert said.out == "the log\n" and said.err.count("kubectl logs") == 1
    assert "wordbrush/stage in (train-gan,promote)" in said.err and "--follow" in said.err


def test_a_stage_without_a_pod_is_named_after_the_logs_of_the_others(logs, two_run, capfd, server):
    with pytest.raises(WordbrushError, match="no pod of the stage promote ") as caught:
        logs("train-gan")
    assert f"open the run in the UI, {server.host}/#/runs/details/{FIRST}." in str(caught.value)
    assert capfd.readouterr().out == "the log\n"
    with pytest.raises(WordbrushError, match="no pod of the stage train-gan, promote "):
        logs("")
    assert capfd.readouterr() == ("", "")


def test_what_kubectl_cannot_do(logs, tmp_path):
    with pytest.raises(WordbrushError, match="current-context"):
        logs("evaluate.hard", code=1)
    (tmp_path / "kubectl").unlink()
    with pytest.raises(WordbrushError, match="kubectl is not installed; where it is, run: kubectl"):
        logs("evaluate.hard")
