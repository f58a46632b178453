"""What operators get wrong: what is printed then, and the exit code."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch

import pytest
from pipeline import app

from tests.kfp_server import IMAGE, ROOT, Reply, Server, task_detail
from wordbrush.errors import WordbrushError, run_command
from wordbrush.kubeflow.server import client

HTML = {"Content-Type": "text/html"}
RUNS = (
    *("--service-account", "runner", "--image", IMAGE, "--preset", "tiny"),
    *("--remote", "remote"),
)


@dataclass(frozen=True)
class Mistake:
    """what: the operator does. server: how it is set. printed: a part of standard error."""

    what: str
    arguments: tuple[str, ...]
    printed: str
    code: int = 2
    server: Callable[[Server], object] = lambda server: None
    environment: dict[str, str] = field(default_factory=dict)


def sets(**values: object) -> Callable[[Server], object]:
    return lambda server: [setattr(server, name, value) for name, value in values.items()]


TABLE = [
    Mistake(
        "no image",
        ("submit", "--service-account", "runner", "--remote", "remote"),
        "--image 'wordbrush-python:0.1.0' names no registry, so nodes cannot pull it: push the "
        "image and give REGISTRY/NAME@sha256:DIGEST",
    ),
    Mistake(
        "an image by its tag",
        ("submit", *RUNS, "--image", "ghcr.io/me/wordbrush:1"),
        "--image 'ghcr.io/me/wordbrush:1' names no digest, so nodes may run another image",
    ),
    Mistake(
        "a schedule of an image by its tag",
        ("schedule", "--cron", "@daily", *RUNS[:4], "--image", "ghcr.io/me/wordbrush:1"),
        "names no digest",
    ),
    Mistake("no account", ("submit", "--image", IMAGE), "--service-account is not given"),
    Mistake(
        "a schedule without an account",
        ("schedule", "--cron", "@daily", "--image", IMAGE),
        "--service-account is not given",
    ),
    Mistake(
        "an old server",
        ("submit", *RUNS),
        "is Kubeflow Pipelines 2.4.1, which cannot read the security settings of the pods; 2.16 "
        "is the oldest that can: upgrade it",
        server=sets(version="2.4.1", is_old=True),
    ),
    Mistake(
        "an old server that does not know its version",
        ("submit", *RUNS),
        'unknown field "securityContext"): it is older than the pipeline: upgrade Kubeflow',
        server=sets(version="unknown", is_old=True),
    ),
    Mistake(
        "a login page as a redirect",
        ("list",),
        "answered 302, a redirect to https://login.example.org: if that is a login page, set "
        "WORDBRUSH_KFP_TOKEN",
        server=sets(cookie="session=1"),
    ),
    Mistake(
        "a login page in place of an answer",
        ("submit", *RUNS),
        "gave a page of HTML, which Kubeflow Pipelines does not",
        server=sets(always=Reply(b"<html>", headers=HTML)),
    ),
    Mistake(
        "no token",
        ("status", "r1"),
        "answered 401 (Unauthenticated: token has expired): it refused the credentials: set",
        server=sets(token="right"),
    ),
    Mistake(
        "a token in several lines",
        ("list",),
        "WORDBRUSH_KFP_TOKEN is not a token",
        environment={"WORDBRUSH_KFP_TOKEN": "a\nb"},
    ),
    Mistake(
        "a token file that is not there",
        ("list",),
        "WORDBRUSH_KFP_TOKEN_FILE: /nowhere is not readable (No such file or directory)",
        environment={"WORDBRUSH_KFP_TOKEN_FILE": "/nowhere"},
    ),
    Mistake(
        "no token for the proxy",
        ("list",),
        "(Invalid IAP credentials: empty token): it refused the credentials: set",
        server=sets(proxy_token="right"),
    ),
    Mistake(
        "no right",
        ("list",),
        "answered 403 (no access to kubeflow): these credentials may not do that",
        server=sets(always=Reply(b'{"error": "no access to kubeflow"}', 403)),
    ),
    Mistake(
        "what the server refuses",
        ("list",),
        "answered 400 (Invalid input error): change what it refuses",
        server=sets(always=Reply(b'{"error_message": "Invalid input error"}', 400)),
    ),
    Mistake(
        "a server in trouble",
        ("list",),
        "answered 503 (no healthy upstream): see the server's log, and try again later",
        server=sets(always=Reply(b"no healthy upstream", 503)),
    ),
    Mistake("a wrong port", ("list", "--host", "http://127.0.0.1:9"), "does not answer (["),
    Mistake(
        "https to a server of http",
        ("list", "--host", "https://127.0.0.1:{port}"),
        "cannot be reached by TLS",
    ),
    Mistake(
        "a bundle without certificates",
        ("list", "--host", "https://127.0.0.1:{port}"),
        "WORDBRUSH_KFP_CA: README.md holds no certificates",
        environment={"WORDBRUSH_KFP_CA": "README.md"},
    ),
    Mistake("an unknown run", ("wait", "abc"), "no run in the namespace kubeflow begins with abc"),
    Mistake("an unknown run", ("status", "0f8b6d2e-5c1f-4b1e-9c55-7d1d0f1f6a10"), "answered 404"),
    Mistake(
        "a beginning of several runs",
        ("cancel", "r"),
        "r may be any of r2 (second), r1 (first): give more of the id",
    ),
    Mistake(
        "the end of a run that has ended",
        ("cancel", "r1"),
        "r1 has ended already",
        server=sets(states=["SUCCEEDED"]),
    ),
    Mistake("adopting a run that goes on", ("adopt", "r1"), "the run r1 is pending"),
    Mistake(
        "logs of an unknown stage",
        ("logs", "r1", "paint"),
        "the run has no stage paint; it has train-gan",
        server=sets(tasks=[task_detail("train-gan-driver", "SUCCEEDED")]),
    ),
    Mistake(
        "a run that fails",
        ("wait", "r1", "--every", "0.1"),
        "train-gan failed. What it printed: `python pipeline.py logs r1 train-gan`.",
        1,
        sets(tasks=[task_detail("train-gan-driver", "FAILED")], states=["RUNNING", "FAILED"]),
    ),
    Mistake(
        "a run that somebody cancels",
        ("wait", "r1"),
        "`python pipeline.py status r1` shows its stages",
        1,
        sets(states=["CANCELED"]),
    ),
]


def run(arguments: tuple[str, ...], server: Server, **environment: str) -> int:
    """The exit code of pipeline.py, in this process, which loads kfp once for all rows."""
    words = [word.replace("{port}", str(server.port)) for word in arguments]
    if "--host" not in words:
        words += ["--host", server.host]
    clean = {name: value for name, value in os.environ.items() if "WORDBRUSH_" not in name}
    with (
        patch.dict(os.environ, {**clean, **environment}, clear=True),
        patch("sys.argv", ["pipeline.py", *words]),
        pytest.raises(SystemExit) as ended,
    ):
        run_command(app, "pipeline")
    return int(ended.value.code or 0)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("README.md").symlink_to(ROOT / "README.md")


@pytest.fixture
def server(server):
    server.runs = {
        "r1": {"run_id": "r1", "display_name": "first", "created_at": "2026-01-01T00:00:00Z"},
        "r2": {"run_id": "r2", "display_name": "second", "created_at": "2026-01-02T00:00:00Z"},
    }
    return server


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.what}: {row.arguments[0]}")
def test_what_operators_get_wrong(server, row, capsys):
    row.server(server)
    assert run(row.arguments, server, **row.environment) == row.code
    said = capsys.readouterr().err
    assert row.printed in said and "Traceback" not in said
    lines = said.strip().splitlines()
    assert len(lines) == 1 or (server.version == "unknown" and len(lines) == 2)
    assert not server.asked("POST", "/runs") or server.version == "unknown"


@pytest.mark.parametrize("version", ["2.16.0", "2.17.0-rc.1", "v3.0.0", "2.100"])
def test_versions_that_are_new_enough_say_nothing(server, connection, version, capsys):
    server.version = version
    assert client.connect_to_run(connection)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("version", ["2.15.2", "2.0.5", "v1.8.22", "2.14.0-rc.2"])
def test_older_versions_are_refused(server, connection, version):
    server.version = version
    with pytest.raises(WordbrushError, match=f"is Kubeflow Pipelines {version}, which"):
        client.connect_to_run(connection)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "command",
    [("submit", *RUNS), ("upload", *RUNS[2:6]), ("schedule", "--cron", "@daily", *RUNS[:6])],
    ids=lambda one: one[0],
)
def test_nothing_is_compiled_for_an_old_server(server, command, monkeypatch, capsys):
    monkeypatch.setattr("kfp.compiler.Compiler.compile", None)  # a call would be a TypeError
    server.version = "2.4.1"
    assert run(command, server) == 2
    said = capsys.readouterr().err
    assert "is Kubeflow Pipelines 2.4.1, which" in said
    assert {request[0] for request in server.requests} == {"GET"}


@pytest.mark.parametrize("version", [None, "", "unknown", "dev", "1a2b3c4d", "nightly-2.4"])
def test_a_version_that_cannot_be_read_does_not_stop_people(server, connection, version, capsys):
    server.version = version
    assert client.connect_to_run(connection)
    said = capsys.readouterr().err
    assert "if it is older than 2.16, it will refuse the pipeline" in said
    assert (repr(version) if version else "does not say its version") in said


def test_looking_at_runs_needs_no_new_server(server, capsys):
    server.version, server.tasks = "2.4.0", [task_detail("train-gan-driver", "RUNNING")]
    assert run(("list",), server) == 0 and run(("status", "r1"), server) == 0
    server.states = ["RUNNING"]
    assert run(("cancel", "r1"), server) == 0
    assert "r1: asked to end" in capsys.readouterr().out


def test_local_pools_take_images_without_a_registry(server):
    pools = str(ROOT / "k8s/overlays/kind/pools.yaml")
    local = ("--image", "wordbrush-python:0.1.0-cpu", "--pools", pools)
    assert run(("submit", *RUNS, *local), server) == 0
    (sent,) = server.asked("POST", "/runs")
    assert "wordbrush-python:0.1.0-cpu" in str(sent[2]["pipeline_spec"])
