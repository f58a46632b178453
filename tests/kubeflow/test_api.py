"""Whatever a server answers, there is the right outcome, or one sentence about it."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kfp_server import Reply, Server, pipeline_here, serving
from tests.kubeflow.conftest import TOKEN
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server import api, client, following, runs, schedules
from wordbrush.kubeflow.server.connection import Connection

HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
MOST = 900  # characters of a sentence, which may hold 300 of the server's

LONG = "0f8b6d2e-5c1f-4b1e-9c55-7d1d0f1f6a10"


def submit(connection: Connection, package: Path) -> str:
    return client.submit(client.connect_to_run(connection), connection, package, "run")


Verb = Callable[[Connection, Path], object]
VERBS: dict[str, Verb] = {
    "submit": submit,
    "schedule": lambda connection, package: schedules.schedule(
        client.connect_to_run(connection), connection, package, "run", "0 0 3 * * 1"
    ),
    "list": lambda connection, _: schedules.list_schedules(connection),
    "pause": lambda connection, _: schedules.change_schedule(connection, "run", "pause"),
    "wait": lambda connection, _: client.wait(connection, "r1", 0.01, patience=0),
    "adopt": lambda connection, _: client.report_key(client.connect(connection), "r1"),
    "runs": lambda connection, _: runs.list_runs(client.connect(connection), connection, 9),
}
ODD = {
    "a login page": (Reply(HTML, headers={"Content-Type": "text/html"}), "a page of HTML"),
    "HTML as JSON": (Reply(b"\n <html>"), "a page of HTML"),
    "nothing": (Reply(b""), "an empty answer"),
    "a part of JSON": (Reply(b'{"run_id": "r'), "not JSON"),
    "not UTF-8": (Reply(b'{"run_id": "\xff\xfe"}'), "not JSON"),
    "deep": (Reply(b"[" * 100_000), "not JSON"),
    "a list": (Reply(b"[1, 2]"), "JSON that is no object"),
    "null": (Reply(b"null"), "JSON that is no object"),
    "other JSON": (Reply(b'{"status": "ok"}'), "another shape"),
    "a redirect": (
        Reply(status=302, headers={"Location": "https://login.example.org/?state=s3cret"}),
        "302, a redirect to https://login.example.org",
    ),
    "a relative redirect": (Reply(status=303, headers={"Location": "/login"}), "to /login"),
    "a broken redirect": (Reply(status=301, headers={"Location": "http://[x"}), "to nowhere"),
    "a cut answer": (Reply(b'{"a": 1', missing=100), "does not answer"),
    "a broken connection": (Reply(breaks=True), "does not answer"),
    "broken gzip": (Reply(b"{}", headers={"Content-Encoding": "gzip"}), "does not answer"),
}


def sentence(act: Callable[[], object], host: str) -> str:
    """The one line that an action ends with."""
    with pytest.raises(WordbrushError) as caught:
        act()
    text = str(caught.value)
    assert text.isprintable() and len(text) <= MOST and host in text and TOKEN not in text
    return text


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("verb", VERBS)
def test_answers_that_kubeflow_does_not_give(server, connection, package, verb, kind):
    server.always, words = ODD[kind]
    text = sentence(lambda: VERBS[verb](connection, package), server.host)
    assert words in text and "s3cret" not in text


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("submit", "/experiments"),
        ("submit", "/runs"),
        ("schedule", "/experiments"),
        ("schedule", "/recurringruns"),
        ("list", "/recurringruns"),
        ("adopt", "/runs"),
        ("wait", "/runs"),
    ],
)
@pytest.mark.parametrize("kind", ODD)
def test_a_page_in_the_middle_of_a_conversation(server, connection, package, verb, path, kind):
    server.next[path] = [ODD[kind][0]] * 3
    assert ODD[kind][1] in sentence(lambda: VERBS[verb](connection, package), server.host)


WRONG = {
    "run_id": [
        b"{}",
        b'{"error": "no"}',
        b'{"run_id": null}',
        b'{"run_id": ""}',
        b'{"run_id": "a\\u001b[31m"}',
    ],
    "state": [b'{"run_id": "r1", "state": 5}', b'{"run_id": "r1", "state": {"a": 1}}'],
}


@pytest.mark.parametrize("body", [*WRONG["run_id"], *WRONG["state"]])
def test_a_run_has_an_id_and_a_state(server, connection, package, body):
    server.next["/runs"] = [Reply(body)]
    verb = "wait" if body in WRONG["state"] else "submit"
    assert "an answer without" in sentence(lambda: VERBS[verb](connection, package), server.host)


@pytest.mark.parametrize(
    "body",
    [
        b'{"recurringRuns": [{"display_name": "run"}]}',
        b'{"recurringRuns": "run"}',
        b'{"recurringRuns": {"run": 1}}',
        b'{"recurringRuns": [{"recurring_run_id": "s1", "created_at": "some day"}]}',
        b'{"recurringRuns": [{"recurring_run_id": "s1", "trigger": {"cron_schedule": 3}}], "x": 1}',
    ],
)
def test_lists_of_another_shape(server, connection, body):
    server.next["/recurringruns"] = [Reply(body)]
    try:
        lines = schedules.list_schedules(connection)
    except WordbrushError as error:
        assert server.host in str(error)
    else:
        assert all(line.isprintable() and line.startswith("s1") for line in lines)


def test_a_list_without_end(server, connection):
    page = Reply(b'{"recurringRuns": [], "next_page_token": "again"}')
    server.next["/recurringruns"] = [page] * 5
    assert "again and again" in sentence(lambda: schedules.list_schedules(connection), server.host)


def test_schedules_of_other_clients_are_listed(server, connection):
    server.schedules = {
        "s1": {
            "recurring_run_id": "s1",
            "display_name": "hourly\nrun",
            "trigger": {"periodic_schedule": {"interval_second": "3600"}},
            "status": "DISABLED",
        },
        "s2": {"recurring_run_id": "s2", "display_name": "other"},
    }
    assert schedules.list_schedules(connection) == [
        "s1  hourly run  every 3600 s  disabled",
        "s2  other  never  ",
    ]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "change what it refuses"),
        (401, "set WORDBRUSH_KFP_TOKEN"),
        (403, "may not do that"),
        (404, "does not know that"),
        (409, "change what it refuses"),
        (422, "change what it refuses"),
        (429, "try again later"),
        (500, "see the server's log"),
        (503, "see the server's log"),
    ],
)
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error": "the cron is wrong", "code": 3, "message": "the cron is wrong"}', "the cron"),
        (b'{"error_message": "Invalid input: name", "error_details": "x"}', "Invalid input: name"),
        (b'{"error": {"message": "no quota\\n\\u001b[31m left"}}', "no quota [31m left"),
        (b'{"details": [{"message": "a detail"}]}', "a detail"),
        (b"RBAC: access denied", "RBAC: access denied"),
        (HTML, "("),
        (b"\xff\xfe\x00", "("),
        (b"", "("),
        (b'{"message": "you sent Bearer secret-token-123"}', "you sent Bearer ***"),
        (json.dumps({"error": "long " * 10_000}).encode(), "long long"),
    ],
)
def test_a_refusal_keeps_its_reason(server, connection, status, words, body, reason):
    server.next["/recurringruns"] = [Reply(body, status)]
    text = sentence(lambda: schedules.list_schedules(connection), server.host)
    assert words in text and reason in text and str(status) in text and "log in" not in text


@settings(derandomize=True, deadline=None, max_examples=60)
@given(body=st.binary(max_size=400), status=st.sampled_from([200, 204, 301, 400, 401, 500, 503]))
def test_any_bytes_are_an_answer_or_one_sentence(one_server, body, status):
    one_server.always = Reply(body, status)
    connection = Connection(one_server.host, "kubeflow", "wordbrush")
    try:
        assert schedules.list_schedules(connection) == []
    except WordbrushError as error:
        assert str(error).isprintable() and one_server.host in str(error)


@pytest.fixture(scope="module")
def one_server():
    with serving() as state:
        yield state


def test_an_answer_is_bounded_in_size(server, connection, monkeypatch):
    monkeypatch.setattr(api, "MOST", 1 << 20)
    large = json.dumps({"pad": "x" * (2 << 20)}).encode()
    bomb = Reply(gzip.compress(large), headers={"Content-Encoding": "gzip"})
    for reply in (Reply(large), bomb):
        server.next["/healthz"] = [reply]
        assert "more than 1 MiB" in sentence(
            lambda: schedules.list_schedules(connection), server.host
        )


def test_an_answer_is_bounded_in_time(server, connection, monkeypatch):
    server.always = Reply(hangs=True)
    monkeypatch.setattr(api, "TIMEOUT", 0.05)
    assert "timed out" in sentence(lambda: schedules.list_schedules(connection), server.host)
    monkeypatch.setattr(api, "LONGEST", -1)
    server.always = Reply(b'{"multi_user": false}')
    assert "does not end its answer" in sentence(
        lambda: schedules.list_schedules(connection), server.host
    )


def test_a_run_is_followed_through_trouble(server, connection, package, monkeypatch, capsys):
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.01))
    submit(connection, package)
    trouble = [Reply(HTML, 500), Reply(b'{"error": "busy"}', 429), Reply(breaks=True)]
    server.next["/runs"] = [*trouble, Reply(b'{"run_id": "r1"}'), *trouble, Reply(b"", 502)]
    assert client.wait(connection, "r1", 0.001).state == "SUCCEEDED"
    said = capsys.readouterr().out
    assert said.count("Trying again for up to 600 seconds.") == 2  # once each time
    states = [line.rpartition(" ")[2] for line in said.splitlines() if line.startswith("r1: ")]
    assert states == ["pending", "running", "succeeded"]


def test_patience_with_a_server_ends(server, connection, monkeypatch):
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.01))
    server.always = Reply(b'{"error": "busy"}', 503)
    text = sentence(lambda: client.wait(connection, "r1", 0.001, patience=0.1), server.host)
    assert "503 (busy)" in text
    assert 3 < len(server.requests) < 100


@pytest.mark.parametrize("status", [408, 429, 500, 501, 502, 503, 504, 507, 524])
def test_trouble_that_may_pass(server, connection, status):
    server.always = Reply(b"", status)
    with pytest.raises(api.Busy, match=str(status)):
        client.connect(connection)


def test_whoever_gives_up_says_that_the_run_may_go_on(server, connection, monkeypatch):
    monkeypatch.setattr(api, "PAUSES", (1e6, 1e6))  # longer than anybody's patience
    for reply in (Reply(b"", 500), Reply(b"", 403), Reply(breaks=True)):
        server.always = reply
        text = sentence(lambda: following.follow(connection, LONG, 0.001), server.host)
        again = f"The run {LONG} may go on: `python pipeline.py wait 0f8b6d2e` follows it again."
        assert text.endswith(again)
    server.always = Reply(b"", 404)
    text = sentence(lambda: following.follow(connection, LONG, 0.001), server.host)
    assert "does not know that" in text and "go on" not in text


def test_wait_bears_trouble_from_the_beginning(server, monkeypatch, capsys):
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.01))
    server.runs["r1"] = {"run_id": "r1"}
    trouble = [Reply(HTML, 503), Reply(b"", 500)]
    server.next = {"/healthz": [*trouble], "/runs": [*trouble, Reply(breaks=True)]}
    following.wait("r1", server.host, "kubeflow", 0.1)
    said = capsys.readouterr().out
    assert said.count("Trying again") == 2 and said.endswith("r1: succeeded\n")


def test_wait_asks_a_host_that_says_nothing_once(server):
    server.always = Reply(breaks=True)
    text = sentence(lambda: following.wait("r1", server.host, "kubeflow", 0.1), server.host)
    assert "check --host" in text and len(server.requests) == 1


def test_an_unknown_run_is_not_waited_for(server, connection):
    assert "404 (run not found): it does not know that" in sentence(
        lambda: client.wait(connection, "r9", 0.001), server.host
    )


@pytest.mark.parametrize("spec", [{}, None, [], "x", {"root": 3}, {"root": {"dag": {"tasks": []}}}])
def test_runs_of_other_pipelines_are_not_adopted(server, connection, spec):
    server.runs["r1"] = {"run_id": "r1", "pipeline_spec": spec}
    server.states = ["SUCCEEDED"]
    with pytest.raises(WordbrushError, match="not one of this pipeline"):
        client.report_key(client.make_api(connection), "r1")


def test_a_key_that_leaves_its_folder_is_no_key():
    parameters = {"key": {"runtimeValue": {"constant": "../../secret"}}}
    task = {"taskInfo": {"name": "report"}, "componentRef": {"name": "comp-report"}}
    tasks = {"report": {**task, "inputs": {"parameters": parameters}}}
    spec = {"root": {"dag": {"tasks": tasks}}, "components": {"comp-report": {}}}
    with pytest.raises(KeyError, match="secret"):
        client.key_of(spec, "report")


@pytest.mark.parametrize(
    ("host", "words"),
    [("http://127.0.0.1:9", "refused"), ("https://127.0.0.1:{port}", "cannot be reached by TLS")],
)
def test_where_no_such_server_is(server, host, words):
    host = host.format(port=server.port)
    connection = Connection(host, "kubeflow", "wordbrush")
    assert words in sentence(lambda: schedules.list_schedules(connection), host)


def test_the_command_line_ends_with_the_sentence(server: Server, tmp_path):
    """As people see it: one line, exit code 2, and no secret."""
    server.always = Reply(HTML, headers={"Content-Type": "text/html"})
    for arguments, secret in ((("--list",), "SECRET\n"), (("--pause",), "SEC\nRET")):
        command = ("schedule", *arguments, "--host", server.host)
        done = pipeline_here(*command, cwd=tmp_path, WORDBRUSH_KFP_TOKEN=secret)
        assert done.returncode == 2 and not done.stdout
        assert len(done.stderr.strip().splitlines()) == 1 and "SEC" not in done.stderr
        assert ("a page of HTML" in done.stderr) == (secret == "SECRET\n")
