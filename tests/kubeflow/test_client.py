"""submit, schedule and adopt, through kfp's own client.

The server answers as the KFP API does, and records what it was asked.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.kfp_server import Compiled, pipeline
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.client import key_of
from wordbrush.kubeflow.schedules import check_cron

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Server:
    """The requests received, and the objects that exist."""

    requests: list[tuple[str, str, dict | None, str | None]] = field(default_factory=list)
    schedules: dict[str, dict] = field(default_factory=dict)
    states: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "SUCCEEDED"])
    runs: dict[str, dict] = field(default_factory=dict)
    fault: tuple[str, int] | None = None  # a path's beginning and the status it gets
    port: int = 0

    def answer(self, method: str, path: str, body: dict | None) -> tuple[int, dict]:
        path = path.removeprefix("/apis/v2beta1")
        if self.fault and path.startswith(self.fault[0]):
            return self.fault[1], {"error": "no"}
        if path == "/healthz":
            return 200, {"multi_user": False}
        if path == "/experiments":
            known = {"experiment_id": "e1", "display_name": "wordbrush", "namespace": "kubeflow"}
            return 200, ({"experiments": []} if method == "GET" else known)
        if path == "/runs" and method == "POST":
            self.runs["r1"] = {**body, "run_id": "r1", "experiment_id": "e1"}
            return 200, self.runs["r1"]
        if found := re.fullmatch(r"/runs/(\w+)", path):
            if found[1] not in self.runs:
                return 404, {"error": "run not found"}
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return 200, {**self.runs[found[1]], "state": state}
        if path == "/recurringruns" and method == "POST":
            number = f"s{len(self.schedules) + 1}"
            self.schedules[number] = {**body, "recurring_run_id": number, "status": "ENABLED"}
            return 200, self.schedules[number]
        if path == "/recurringruns":
            return 200, {"recurringRuns": list(self.schedules.values())}
        if found := re.fullmatch(r"/recurringruns/(\w+)(:\w+)?", path):
            if method == "DELETE":
                del self.schedules[found[1]]
            return 200, {}
        return 404, {"error": path}

    @property
    def host(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def asked(self, method: str, path: str) -> list[tuple[str, str, dict | None, str | None]]:
        wanted = (method, f"/apis/v2beta1{path}")
        return [
            request for request in self.requests if (request[0], request[1].split("?")[0]) == wanted
        ]


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            state.requests.append(
                (self.command, self.path, body, self.headers.get("Authorization"))
            )
            status, content = state.answer(self.command, self.path.split("?")[0], body)
            text = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = handle_any

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.port = http.server_port
        thread = Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield state
        http.shutdown()


def submit(server: Server, folder: Path, *more: str, **environment: str):
    return pipeline(
        "submit",
        "--host",
        server.host,
        "--remote",
        str(folder / "remote"),
        "--preset",
        "tiny",
        *more,
        cwd=folder,
        **environment,
    )


def test_submit_sends_the_compiled_pipeline(server, tmp_path):
    done = submit(
        server,
        tmp_path,
        "--pipeline-root",
        "gs://bucket/kfp",
        "--service-account",
        "runner",
        "--name",
        "first",
        "--wait",
        "--every",
        "0.1",
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
    assert len(sent.tasks) == 15
    assert all(task["cachingOptions"]["enableCache"] for task in sent.tasks.values())
    assert "pending" in done.stdout and "running" in done.stdout and "succeeded" in done.stdout


def test_a_failed_run_is_exit_code_one(server, tmp_path):
    server.states = ["RUNNING", "FAILED"]
    assert submit(server, tmp_path, "--wait", "--every", "0.1").returncode == 1


def test_outputs_that_the_remote_lost_get_another_cache_key(server, tmp_path):
    """`tiny` never ran here, so every submission gives every stage a new key.

    KFP's cache must not serve outputs that do not exist.
    """

    def keys() -> set[str]:
        assert submit(server, tmp_path).returncode == 0
        spec = server.asked("POST", "/runs")[-1][2]["pipeline_spec"]["pipeline_spec"]
        return {
            task["cachingOptions"]["cacheKey"] for task in spec["root"]["dag"]["tasks"].values()
        }

    first, second = keys(), keys()
    assert len(first) == 15 and not first & second


def schedule(server: Server, folder: Path, *more: str):
    return pipeline("schedule", "--host", server.host, "--preset", "tiny", *more, cwd=folder)


def test_schedule_replaces_the_one_of_its_name(server, tmp_path):
    for _ in range(2):
        done = schedule(server, tmp_path, "--cron", "0 0 3 * * 1", "--service-account", "runner")
        assert done.returncode == 0, done.stderr
    assert len(server.schedules) == 1
    (made,) = server.schedules.values()
    assert made["trigger"]["cron_schedule"]["cron"] == "0 0 3 * * 1"
    assert made["max_concurrency"] == 1 and made["no_catchup"] is True and made["mode"] == "ENABLE"
    assert made["service_account"] == "runner"
    sent = Compiled(made["pipeline_spec"]["pipeline_spec"], made["pipeline_spec"]["platform_spec"])
    assert sent.edges["promote"] == ["report"]
    # no caching, since its inputs may change
    assert not any(task["cachingOptions"].get("enableCache") for task in sent.tasks.values())


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
    return pipeline(
        "adopt", run, "--host", server.host, "--remote", str(folder / "remote"), cwd=folder
    )


def test_only_a_finished_run_is_adopted(server, tmp_path):
    submit(server, tmp_path)
    server.states = ["RUNNING"]
    done = adopt(server, tmp_path)
    assert done.returncode == 2 and "the run r1 is running" in done.stderr
    unknown = adopt(server, tmp_path, "r2")
    assert unknown.returncode == 2 and "does not know that" in unknown.stderr


@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "WORDBRUSH_KFP_TOKEN"), (403, "may not"), (404, "does not know"), (500, "500")],
)
@pytest.mark.parametrize("path", ["/healthz", "/runs"])
def test_faults_of_the_server_are_one_sentence(server, tmp_path, status, word, path):
    server.fault = (path, status)
    done = submit(server, tmp_path)
    assert done.returncode == 2 and word in done.stderr and server.host in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("cron", ["0 0 3 * * 1", "0 */15 * * * *", "0 0 9 ? * 2-6"])
def test_six_fields_are_a_cron(cron):
    assert check_cron(cron) == cron


@pytest.mark.parametrize("cron", ["0 3 * * 1", "61 0 3 * * 1", "0 0 25 * * 1", "nonsense", ""])
def test_other_crons_are_refused(cron):
    with pytest.raises(WordbrushError, match="six fields"):
        check_cron(cron)
