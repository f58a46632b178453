"""submit, schedule and adopt, against a server that answers as the KFP API does."""

import signal
import subprocess
import sys
from pathlib import Path

from tests.kfp_server import IMAGE, ROOT, Compiled, Server, pipeline, pipeline_here, task_detail
from wordbrush.kubeflow.compiler.plan import UNMARKED
from wordbrush.kubeflow.server.client import key_of


def order(server: Server, folder: Path) -> tuple[str, ...]:
    """The arguments of every submission."""
    return (
        *("submit", "--host", server.host, "--remote", str(folder / "remote")),
        *("--preset", "tiny", "--image", IMAGE, "--service-account", "runner"),
    )


def submit(server: Server, folder: Path, *more: str):
    return pipeline_here(*order(server, folder), *more, cwd=folder)


def test_submit_sends_the_compiled_pipeline(server, tmp_path):
    done = pipeline(
        *order(server, tmp_path),
        *("--pipeline-root", "gs://bucket/kfp", "--name", "first", "--wait", "--every", "0.1"),
        cwd=tmp_path,
        WORDBRUSH_KFP_TOKEN="secret-token",
    )
    assert done.returncode == 0, done.stderr
    _, _, run, authorization = server.asked("POST", "/runs")[0]
    assert (
        authorization == "Bearer secret-token" and "secret-token" not in done.stdout + done.stderr
    )
    assert (
        run["display_name"] == "first"
        and run["service_account"] == "runner"
        and run["experiment_id"] == "e1"
    )
    assert run["runtime_config"]["pipeline_root"] == "gs://bucket/kfp"
    sent = Compiled(run["pipeline_spec"]["pipeline_spec"], run["pipeline_spec"]["platform_spec"])
    assert len(sent.tasks) == 17
    assert sent.container("train-gan")["image"] == IMAGE
    assert all(task["cachingOptions"]["enableCache"] for task in sent.tasks.values())
    assert "pending" in done.stdout and "running" in done.stdout and "succeeded" in done.stdout


def test_a_failed_run_is_exit_code_one_and_names_its_stages(server, tmp_path):
    server.states = ["RUNNING", "FAILED"]
    server.tasks = [
        *(
            task_detail("render-scenes-driver", "SUCCEEDED"),
            task_detail("render-scenes", "SUCCEEDED"),
        ),
        *(task_detail("train-gan-driver", "SUCCEEDED"), task_detail("train-gan", "FAILED")),
    ]
    done = submit(server, tmp_path, "--wait", "--every", "0.1")
    assert done.returncode == 1
    assert done.stderr == (
        "train-gan failed. What it printed: `python pipeline.py logs r1 train-gan`.\n"
    )


def test_submit_marks_what_the_remote_lost_and_can_do_without_cache(server, tmp_path):
    done = submit(server, tmp_path, "--no-cache")
    assert done.returncode == 0, done.stderr
    sent = server.asked("POST", "/runs")[-1][2]["pipeline_spec"]
    tasks = Compiled(sent["pipeline_spec"], sent["platform_spec"])
    marks = {tasks.parameters(name)["mark"] for name in tasks.tasks}
    assert len(marks) == 17 and UNMARKED not in marks
    assert not any(one["cachingOptions"].get("enableCache") for one in tasks.tasks.values())


def schedule(server: Server, folder: Path, *more: str):
    return pipeline_here(
        *("schedule", "--host", server.host, "--preset", "tiny", "--image", IMAGE),
        *("--service-account", "runner", *more),
        cwd=folder,
    )


def test_schedule_replaces_the_one_of_its_name(server, tmp_path):
    for _ in range(2):
        done = schedule(server, tmp_path, "--cron", "0 0 3 * * 1")
        assert done.returncode == 0, done.stderr
    assert len(server.schedules) == 1
    (made,) = server.schedules.values()
    assert made["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * 1"
    assert made["max_concurrency"] == 1 and made["no_catchup"] is True and made["mode"] == "ENABLE"
    assert made["service_account"] == "runner"
    sent = Compiled(made["pipeline_spec"]["pipeline_spec"], made["pipeline_spec"]["platform_spec"])
    stages = sent.within("changed")
    assert len(stages.tasks) == 18 and stages.edges["promote"] == ["report"]
    # no caching: the first task and DVC know what the remote has, KFP does not
    for task in (*sent.tasks.values(), *stages.tasks.values()):
        assert not task.get("cachingOptions", {}).get("enableCache")


def test_schedules_are_listed_paused_and_deleted(server, tmp_path):
    schedule(server, tmp_path, "--cron", "0 0 3 * * 1")
    listed = schedule(server, tmp_path, "--list")
    assert "wordbrush  0 0 3 * * 1  enabled" in listed.stdout and "1 schedules" in listed.stdout
    assert schedule(server, tmp_path, "--pause").returncode == 0
    assert server.asked("POST", "/recurringruns/s1:disable")
    assert schedule(server, tmp_path, "--resume").returncode == 0
    assert server.asked("POST", "/recurringruns/s1:enable")
    assert schedule(server, tmp_path, "--delete").returncode == 0
    assert not server.schedules
    gone = schedule(server, tmp_path, "--delete")
    assert gone.returncode == 2 and "no schedule 'wordbrush'" in gone.stderr


def test_adopt_finds_the_lock_by_the_key_that_the_run_was_compiled_with(server, tmp_path):
    assert submit(server, tmp_path).returncode == 0
    server.states = ["SUCCEEDED"]
    key = key_of(server.runs["r1"]["pipeline_spec"]["pipeline_spec"], "report")
    missing = adopt(server, tmp_path)
    assert (
        missing.returncode == 2
        and "no lock of the run r1" in missing.stderr
        and not (tmp_path / "dvc.lock").exists()
    )
    lock = "schema: '2.0'\nstages: {}\n"
    locks = tmp_path / "remote/wordbrush/locks"
    locks.mkdir(parents=True, exist_ok=True)
    (locks / f"{key}.lock").write_text(lock)
    done = adopt(server, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "dvc.lock").read_text() == lock


def adopt(server: Server, folder: Path, run: str = "r1"):
    return pipeline_here(
        "adopt", run, "--host", server.host, "--remote", str(folder / "remote"), cwd=folder
    )


def test_only_a_finished_run_is_adopted(server, tmp_path):
    submit(server, tmp_path)
    server.states = ["RUNNING"]
    done = adopt(server, tmp_path)
    assert done.returncode == 2 and "the run r1 is running" in done.stderr
    unknown = adopt(server, tmp_path, "r2")
    assert unknown.returncode == 2 and "begins with r2" in unknown.stderr


def test_a_beginning_of_the_id_is_enough_to_adopt(server, tmp_path):
    server.runs["r1"], server.states = {"run_id": "r1"}, ["RUNNING"]
    done = adopt(server, tmp_path, "r")
    assert done.returncode == 2 and "the run r1 is running" in done.stderr


def test_ctrl_c_leaves_the_run_and_says_how_to_come_back(server, tmp_path):
    server.runs["r1"], server.states = {"run_id": "r1"}, ["RUNNING"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "pipeline.py"), "wait", "r1", "--host", server.host],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        # shells start what runs in the background without it
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "r1: running\n"
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "r1 goes on. `python pipeline.py wait r1` follows it again" in said
    assert not server.asked("POST", "/runs/r1:terminate")
