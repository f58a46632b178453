"""Schedules: what a scheduled run begins with, its next times, and those of other clients."""

from datetime import UTC, datetime

import pytest
from pipeline import app

from tests.conftest import ROOT
from tests.kfp_server import IMAGE, Compiled, Server, serving
from wordbrush.kubeflow.compiler.pools import load_pools
from wordbrush.kubeflow.server import schedules

MONDAYS = "0 0 3 * * 1"


def schedule(server: Server, *more: str) -> None:
    arguments = ["--preset", "tiny", "--image", IMAGE, "--service-account", "runner", *more]
    app(["schedule", "--host", server.host, *arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def made() -> dict:
    """What the server got of a schedule."""
    with serving() as server:
        schedule(server, "--cron", MONDAYS, "--note", "weekly")
        return server.schedules["s1"]


def compiled(made: dict) -> Compiled:
    spec = made["pipeline_spec"]
    return Compiled(spec["pipeline_spec"], spec["platform_spec"])


def test_no_gpu_is_asked_for_before_the_keys_are_compared(made):
    """KFP 2.17 starts nothing of a condition that is false (argocompiler/dag.go: `when`)."""
    sent, gpu = compiled(made), "accelerator"
    assert set(sent.tasks) == {"compare", "changed", "unchanged"}
    assert gpu not in sent.container("compare")["resources"]
    for name in ("changed", "unchanged"):
        assert sent.tasks[name]["dependentTasks"] == ["compare"]
        condition = sent.tasks[name]["triggerPolicy"]["condition"]
        assert (
            condition == f"inputs.parameter_values['pipelinechannel--compare-Output'] == '{name}'"
        )
    stages, gate = sent.within("changed"), sent.within("unchanged")
    pools = load_pools(ROOT / "k8s/pools.yaml")
    for address in stages.tasks:
        wanted = pools.of(address.partition("@")[0]).accelerator
        assert (gpu in stages.container(address)["resources"]) == (wanted is not None)
    assert set(gate.tasks) == {"promote"} and gpu not in gate.container("promote")["resources"]


def test_the_gate_gets_the_lock_of_the_run_or_of_an_equal_one(made):
    sent = compiled(made)
    assert sent.within("changed").edges["promote"] == ["report"]
    inputs = sent.within("unchanged").tasks["promote"]["inputs"]["artifacts"]
    assert inputs == {"report": {"componentInputArtifact": "pipelinechannel--compare-lock"}}
    given = sent.tasks["unchanged"]["inputs"]["artifacts"]["pipelinechannel--compare-lock"]
    assert given["taskOutputArtifact"] == {"outputArtifactKey": "lock", "producerTask": "compare"}


def test_the_first_task_looks_for_the_key_of_the_last_stage(made):
    sent = compiled(made)

    def key(task: dict) -> str:
        return task["inputs"]["parameters"]["key"]["runtimeValue"]["constant"]

    assert key(sent.tasks["compare"]) == key(sent.within("changed").tasks["report"])
    assert not sent.tasks["compare"]["cachingOptions"].get("enableCache")  # or it would look once


def test_a_run_without_stages_is_adopted_as_any_other(made, server, tmp_path):
    key = compiled(made).tasks["compare"]["inputs"]["parameters"]["key"]["runtimeValue"]["constant"]
    locks = tmp_path / "remote/wordbrush/locks"
    locks.mkdir(parents=True)
    (locks / f"{key}.lock").write_text("schema: '2.0'\nstages: {}\n")
    server.runs["r1"] = {"run_id": "r1", "pipeline_spec": made["pipeline_spec"]}
    server.states = ["SUCCEEDED"]
    where = ["--remote", str(tmp_path / "remote"), "--target", str(tmp_path / "dvc.lock")]
    app(["adopt", "r1", "--host", server.host, *where], standalone_mode=False)
    assert (tmp_path / "dvc.lock").is_file()


def test_what_is_scheduled_says_what_it_is(made):
    assert made["description"].startswith("weekly (preset tiny, commit ")


def test_the_next_three_times_are_shown(server, capsys):
    schedule(server, "--cron", MONDAYS)
    said = capsys.readouterr().out
    assert "next: Mon 20" in said and said.count("03:00:00") == 3 and said.endswith("UTC.\n")
    schedule(server, "--list")
    listed = capsys.readouterr().out
    assert listed.count("03:00:00") == 3 and "UTC" in listed


NOW = datetime(2026, 11, 27, 8, 30, tzinfo=UTC)
BEGAN = "2026-11-27T06:00:00Z"


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        ({"cron_schedule": {"cron": MONDAYS}}, "Mon 2026-11-30 03:00:00, Mon 2026-12-07 03:00:00"),
        ({"cron_schedule": {"cron": "@every 1h"}}, "next: Fri 2026-11-27 09:00:00"),
        ({"periodic_schedule": {"interval_second": "3600"}}, "next: Fri 2026-11-27 09:00:00"),
        ({"periodic_schedule": {"interval_second": "3600", "start_time": "2027-01-01T00:00:00Z"}},
         "next: Fri 2027-01-01 01:00:00"),
        ({"periodic_schedule": {"interval_second": "3600", "end_time": "2026-11-27T09:30:00Z"}},
         "next: Fri 2026-11-27 09:00:00 UTC"),
        ({"cron_schedule": {"cron": MONDAYS, "end_time": "2026-11-28T00:00:00Z"}}, "next: none"),
        ({"cron_schedule": {"cron": "* * * * * *"}}, None),  # which others may have set
        ({"cron_schedule": {}}, None),
        ({"periodic_schedule": {"interval_second": "soon"}}, None),
        ({"periodic_schedule": {"interval_second": "9" * 30}}, None),
        ({}, None),
        (None, None),
    ],
)  # fmt: skip
def test_schedules_of_others_are_listed_with_their_times(server, connection, trigger, words):
    server.schedules["s1"] = {
        "recurring_run_id": "s1",
        "display_name": "theirs",
        "created_at": BEGAN,
        "status": "ENABLED",
        "trigger": trigger,
    }
    (run,) = schedules.recurring(schedules.connect(connection), connection)
    line = schedules.upcoming(run, NOW)
    assert words in line if words else line == ""
    (listed,) = schedules.list_schedules(connection)
    assert listed.startswith("s1  theirs  ")


def test_what_is_paused_has_no_next_time(server, connection):
    trigger = {"cron_schedule": {"cron": MONDAYS}}
    server.schedules["s1"] = {
        "recurring_run_id": "s1",
        "display_name": "wordbrush",
        "status": "DISABLED",
        "trigger": trigger,
    }
    (line,) = schedules.list_schedules(connection)
    assert line == f"s1  wordbrush  {MONDAYS}  disabled"
