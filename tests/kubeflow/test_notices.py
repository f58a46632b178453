"""Word of a run's end: what is posted, that faults neither fail nor show the address, the task."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kfp import compiler, components, dsl, local
from ruamel.yaml import YAML

from components import all_components
from tests.conftest import ROOT
from tests.kfp_server import pipeline_here
from wordbrush.kubeflow.compiler.dag import exit_handler, write_pipeline
from wordbrush.kubeflow.compiler.plan import Plan, make_plan
from wordbrush.kubeflow.compiler.pools import STAGE_LABEL
from wordbrush.kubeflow.server.client import key_of
from wordbrush.kubeflow.tasks.notices import NOTIFY, SECRET, VARIABLE, notify

UI = "https://kubeflow.example.org"


@dataclass
class Webhook:
    """A server that gives these answers in turn, the last for ever, and keeps what it was sent."""

    answers: list[int]
    texts: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def webhook(*answers: int) -> Iterator[Webhook]:
    made = Webhook(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            made.texts.append(json.loads(body)["text"])
            self.send_response(made.answers[min(len(made.texts), len(made.answers)) - 1])
            self.send_header("Location", "/login")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.address = f"http://127.0.0.1:{server.server_port}/services/s3cret"
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("COMPLETE", "succeeded"),
        ("SUCCEEDED", "succeeded"),
        ("FAILED", "failed"),
        ("CANCELED", "was canceled"),
        ("ERROR", "ended without success (KFP says error)"),
        ("RUNNING", "was killed (KFP still calls it running)"),
    ],
)
def test_it_posts_state_run_and_link(monkeypatch, state, end):
    with webhook(200) as hook:
        monkeypatch.setenv(VARIABLE, f"{hook.address}\n")  # as `kubectl create secret` keeps files
        notify(state, "r1", UI, pause=0)
    assert hook.texts == [f"Wordbrush: the run r1 {end}. {UI}/#/runs/details/r1"]


@pytest.mark.parametrize(
    ("answers", "tries", "said"),
    [
        ((503, 500, 200), 3, "The webhook was told."),
        ((503,), 3, "The webhook was not told: it answered 503."),
        ((404,), 1, "The webhook was not told: it answered 404."),
        ((302,), 1, "The webhook was not told: it answered 302."),
    ],
)
def test_faults_of_the_server_are_said_and_bearable(monkeypatch, capsys, answers, tries, said):
    with webhook(*answers) as hook:
        monkeypatch.setenv(VARIABLE, hook.address)
        notify("COMPLETE", "r1", UI, pause=0)
    shown = capsys.readouterr().out
    assert len(hook.texts) == tries and shown.splitlines()[-1] == said and "s3cret" not in shown


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:9/services/s3cret", "not told: ConnectionError"),
        ("hooks.example.org/s3cret", "the Secret's address is not usable (MissingSchema)"),
        ("http://[s3cret", "the Secret's address is not usable (InvalidURL)"),
        ("", "The Secret wordbrush-webhook names no webhook (url): nobody is told."),
    ],
)
def test_addresses_that_lead_nowhere_are_said_and_bearable(monkeypatch, capsys, address, said):
    monkeypatch.setenv(VARIABLE, address)
    notify("FAILED", "r1", UI, pause=0)
    shown = capsys.readouterr().out
    assert said in shown and "s3cret" not in shown


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(ROOT, "tiny", "image:1", ROOT / "k8s/pools.yaml", gate=True).notifying(UI)


def test_the_compiled_task_runs_however_the_stages_end(plan, tmp_path):
    """By the rule of KFP 2.14 to 2.17 (argocompiler/dag.go): an exit task is one whose strategy is
    ALL_UPSTREAM_TASKS_COMPLETED, and becomes the exit hook of the task that it depends on."""
    write_pipeline(plan, all_components(), tmp_path / "pipeline.yaml")
    spec, platform = YAML(typ="safe").load_all((tmp_path / "pipeline.yaml").read_text())
    tasks = spec["root"]["dag"]["tasks"]
    (stages,) = tasks.keys() - {NOTIFY}
    task = tasks[NOTIFY]
    assert task["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert task["dependentTasks"] == [stages] and task["cachingOptions"] == {}
    assert task["inputs"]["parameters"]["status"]["taskFinalStatus"]["producerTask"] == stages
    inner = spec["components"][tasks[stages]["componentRef"]["name"]]["dag"]["tasks"]
    assert {"report", "promote"} <= inner.keys() and len(inner) == len(plan.edges) + 1
    assert key_of(spec, "report") == plan.keys["report"]  # `adopt` finds it
    pod = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{NOTIFY}"]
    (secret,) = pod["secretAsEnv"]
    assert (secret["secretName"], secret["optional"]) == (SECRET, True)
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["podMetadata"]["labels"] == {STAGE_LABEL: NOTIFY}  # `logs` finds it
    container = spec["deploymentSpec"]["executors"][f"exec-{NOTIFY}"]["container"]
    assert container["image"] == "image:1"


@pytest.mark.parametrize("command", [["submit"], ["schedule", "--cron", "@weekly"]], ids=" ".join)
def test_the_command_line_links_to_the_server_that_it_speaks_to(server, tmp_path, command):
    done = pipeline_here(
        *command,
        "--notify",
        "--preset=tiny",
        f"--host={server.host}",
        f"--image=registry.example.org/wordbrush@sha256:{64 * '0'}",
        "--service-account=wordbrush",
        cwd=tmp_path,
        WORDBRUSH_REMOTE=str(tmp_path / "remote"),
    )
    assert done.returncode == 0, done.stderr
    path = "/runs" if command == ["submit"] else "/recurringruns"
    (_, _, sent, _) = server.asked("POST", path)[0]
    tasks = sent["pipeline_spec"]["pipeline_spec"]["root"]["dag"]["tasks"]
    ui = tasks[NOTIFY]["inputs"]["parameters"]["ui"]
    assert ui["runtimeValue"]["constant"] == server.host


def test_without_notify_there_is_no_task(plan, tmp_path):
    silent = make_plan(ROOT, "tiny", "image:1", ROOT / "k8s/pools.yaml")
    write_pipeline(silent, all_components(), tmp_path / "pipeline.yaml")
    assert NOTIFY not in (tmp_path / "pipeline.yaml").read_text()


@dsl.component(base_image="image:1", install_kfp_package=False)
def stage(fails: bool):
    if fails:
        raise SystemExit(1)


@pytest.mark.parametrize(("fails", "end"), [(False, "succeeded"), (True, "failed")])
def test_kfps_own_runner_runs_the_task_at_the_end(plan, tmp_path, monkeypatch, fails, end):
    @dsl.pipeline(name="wordbrush")
    def finishing() -> None:
        with exit_handler(plan, all_components()):
            stage(fails=fails)

    compiler.Compiler().compile(finishing, str(tmp_path / "pipeline.yaml"))
    local.init(
        local.SubprocessRunner(use_venv=False),
        pipeline_root=str(tmp_path / "outputs"),
        raise_on_error=False,
    )
    with webhook(200) as hook:
        monkeypatch.setenv(VARIABLE, hook.address)
        components.load_component_from_file(str(tmp_path / "pipeline.yaml"))()
    (text,) = hook.texts
    assert f" {end}. {UI}/#/runs/details/" in text
