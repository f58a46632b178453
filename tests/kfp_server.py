"""A real server of the KFP API, `pipeline.py` run as people run it, and its YAML read back."""

import io
import json
import os
import re
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, urlsplit

from pipeline import app
from ruamel.yaml import YAML

from wordbrush.errors import run_command

ROOT = Path(__file__).resolve().parents[1]
IMAGE = "registry.example.org/wordbrush@sha256:" + "0123456789abcdef" * 4


def pipeline(
    *arguments: str, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`pipeline.py` in a process of its own, as people run it."""
    return subprocess.run(
        [sys.executable, str(ROOT / "pipeline.py"), *arguments],
        cwd=cwd,
        text=True,
        capture_output=True,
        env={**os.environ, **environment},
    )


def pipeline_here(
    *arguments: str, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`pipeline.py` in this process, which loads kfp and DVC once for all calls."""
    out, err = io.StringIO(), io.StringIO()
    with (
        chdir(cwd),
        patch.dict(os.environ, environment),
        patch("sys.argv", ["pipeline.py", *arguments]),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            run_command(app, "pipeline")
            code = 0
        except SystemExit as ended:
            code = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Compiled:
    """Pipeline spec and platform spec, the two documents of a compiled YAML."""

    spec: dict[str, Any]
    platform: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Compiled":
        spec, platform = YAML(typ="safe").load_all(path.read_text(encoding="utf-8"))
        return cls(spec, platform)

    @property
    def tasks(self) -> dict[str, dict]:
        """By display name, which is the address of the stage in dvc.yaml."""
        return {
            task["taskInfo"]["name"]: task for task in self.spec["root"]["dag"]["tasks"].values()
        }

    @property
    def edges(self) -> dict[str, list[str]]:
        """Each stage with the stages whose lock it reads, of those beside it."""
        names = {
            task: body["taskInfo"]["name"]
            for task, body in self.spec["root"]["dag"]["tasks"].items()
        }
        return {
            name: sorted(
                names[artifact["taskOutputArtifact"]["producerTask"]]
                for artifact in task.get("inputs", {}).get("artifacts", {}).values()
                if "taskOutputArtifact" in artifact
            )
            for name, task in self.tasks.items()
        }

    def within(self, condition: str) -> "Compiled":
        """What a condition holds, of those of the pipeline."""
        (task,) = (task for name, task in self.tasks.items() if name == condition)
        root = self.spec["components"][task["componentRef"]["name"]]
        return Compiled({**self.spec, "root": root}, self.platform)

    def executor(self, name: str) -> str:
        return self.spec["components"][self.tasks[name]["componentRef"]["name"]]["executorLabel"]

    def container(self, name: str) -> dict[str, Any]:
        return self.spec["deploymentSpec"]["executors"][self.executor(name)]["container"]

    def parameters(self, name: str) -> dict[str, Any]:
        """The constants that a task is given."""
        given = self.tasks[name]["inputs"]["parameters"]
        return {key: value["runtimeValue"]["constant"] for key, value in given.items()}

    def fingerprint(self, name: str) -> dict[str, Any]:
        """What KFP compares before its cache answers a task.

        So do 2.4.0 to 2.17.0 (backend/src/v2/cacheutils, GenerateCacheKey). The cache's own key,
        `cachingOptions.cacheKey`, is not among it. Of an input artifact the name counts, which is
        the task's, and never its content.
        """
        component = self.spec["components"][self.tasks[name]["componentRef"]["name"]]
        container = self.container(name)
        return {
            "inputArtifactNames": sorted(self.tasks[name]["inputs"].get("artifacts", {})),
            "inputParameterValues": self.parameters(name),
            "outputArtifactsSpec": component["outputDefinitions"]["artifacts"],
            "containerSpec": [container["image"], container["command"], container["args"]],
        }

    def kubernetes(self, name: str) -> dict[str, Any]:
        return self.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][
            self.executor(name)
        ]


@dataclass(frozen=True)
class Reply:
    """An answer as bytes, which need not be one of Kubeflow's."""

    body: bytes = b"{}"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0  # bytes that are promised and do not come
    breaks: bool = False  # closes the connection in place of an answer
    hangs: bool = False  # says nothing until the server ends


YEAR_ONE = "0001-01-01T00:00:00Z"  # what KFP gives for a time that has not come
DONE = ("SUCCEEDED", "FAILED", "CANCELED")
VALUES = ("stringValue", "string_value")


@dataclass
class Server:
    """A server of the KFP API: the requests received, and the objects that exist.

    version: what healthz calls itself; an old one refuses what its parser does not know, by
    `is_old`. token, proxy_token, cookie: what requests must show. lifetime: how many requests
    before the token expires and its successor takes its place. renew: called when a request shows
    another token. tasks: of every run. always: in place of every answer. next: in place of
    the next ones to paths that begin so.
    """

    requests: list[tuple[str, str, dict | None, str | None]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    schedules: dict[str, dict] = field(default_factory=dict)
    states: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "SUCCEEDED"])
    runs: dict[str, dict] = field(default_factory=dict)
    tasks: list[dict] = field(default_factory=list)
    version: str | None = "2.17.0"
    is_old: bool = False
    token: str | None = None
    lifetime: int = -1
    successor: str | None = None
    proxy_token: str | None = None
    cookie: str | None = None
    renew: Callable[[], None] | None = None
    pipelines: dict[str, dict] = field(default_factory=dict)
    versions: dict[str, dict] = field(default_factory=dict)
    always: Reply | None = None
    next: dict[str, list[Reply]] = field(default_factory=dict)
    scheme: str = "http"
    port: int = 0
    ended: Event = field(default_factory=Event)

    def reply(self, method: str, url: str, body: dict | None, headers: dict[str, str]) -> Reply:
        parts = urlsplit(url.removeprefix("/apis/v2beta1"))
        path, query = parts.path, dict(parse_qsl(parts.query))
        if refused := self.refusal(headers):
            return refused
        if self.always:
            return self.always
        for start, replies in self.next.items():
            if path.startswith(start) and replies:
                return replies.pop(0)
        if path.startswith("/pipelines"):
            status, content = self.answer_of_pipelines(method, path, body or {}, query)
        else:
            status, content = self.answer(method, path, body, query)
        return Reply(json.dumps(content).encode(), status)

    def refusal(self, headers: dict[str, str]) -> Reply | None:
        """What a proxy, a login page or the API itself says to strangers."""
        if self.proxy_token and headers.get("Proxy-Authorization") != f"Bearer {self.proxy_token}":
            return Reply(b"Invalid IAP credentials: empty token", 401)
        if self.cookie and headers.get("Cookie") != self.cookie:
            return Reply(status=302, headers={"Location": "https://login.example.org/auth?x=1"})
        if self.token and headers.get("Authorization") != f"Bearer {self.token}":
            if self.renew:
                self.renew()
            return Reply(b'{"error": "Unauthenticated: token has expired", "code": 16}', 401)
        self.lifetime -= 1
        if self.lifetime == 0:
            self.token = self.successor
        return None

    def answer(
        self, method: str, path: str, body: dict | None, query: dict[str, str]
    ) -> tuple[int, dict]:
        """What Kubeflow answers."""
        if path == "/healthz":
            said = {} if self.version is None else {"tag_name": self.version}
            return 200, {"commit_sha": "unknown", **said, "multi_user": False}
        if path == "/experiments":
            known = {"experiment_id": "e1", "display_name": "wordbrush", "namespace": "kubeflow"}
            return 200, ({"experiments": []} if method == "GET" else known)
        if method == "POST" and self.is_old and "securityContext" in json.dumps(body):
            return 400, error(
                "Failed to create a new run: InvalidInputError: proto: (line 1:215): "
                'unknown field "securityContext"'
            )
        if path.startswith("/runs"):
            return self.answer_run(method, path, body, query)
        if path == "/recurringruns" and method == "POST":
            number = f"s{len(self.schedules) + 1}"
            self.schedules[number] = {
                **(body or {}),
                "recurring_run_id": number,
                "status": "ENABLED",
            }
            return 200, self.schedules[number]
        if path == "/recurringruns":
            return page("recurringRuns", list(self.schedules.values()), query)
        if found := re.fullmatch(r"/recurringruns/(\w+)(:\w+)?", path):
            if method == "DELETE":
                del self.schedules[found[1]]
            return 200, {}
        return 404, {"error": path}

    def answer_run(
        self, method: str, path: str, body: dict | None, query: dict[str, str]
    ) -> tuple[int, dict]:
        if path == "/runs" and method == "POST":
            number = f"r{len(self.runs) + 1}"
            self.runs[number] = {**(body or {}), "run_id": number, "experiment_id": "e1"}
            return 200, self.runs[number]
        if path == "/runs":
            runs = list(self.runs.values())
            if query.get("sort_by") == "created_at desc":
                runs.sort(key=lambda run: run.get("created_at", ""), reverse=True)
            return page("runs", runs, query)
        found = re.fullmatch(r"/runs/([\w-]+)(:terminate)?", path)
        if not found or found[1] not in self.runs:
            return 404, error("run not found", 5)
        if found[2]:
            if self.states[0] in DONE:
                return 400, error("Failed to terminate a run: it has finished")
            self.states = ["CANCELED"]
            return 200, {}
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        details = {"run_details": {"task_details": self.tasks}} if self.tasks else {}
        return 200, {**self.runs[found[1]], "state": state, **details}

    def answer_of_pipelines(
        self, method: str, path: str, body: dict, query: dict[str, str]
    ) -> tuple[int, dict]:
        """What Kubeflow answers of pipelines and their versions, which are uploaded as files."""
        if path == "/pipelines" and method == "POST":
            number = f"p{len(self.pipelines) + 1}"
            self.pipelines[number] = {**body, "pipeline_id": number}
            return 200, self.pipelines[number]
        if path == "/pipelines":
            return 200, {"pipelines": list(self.pipelines.values())}
        if path == "/pipelines/upload_version" and method == "POST":
            spec, platform = YAML(typ="safe").load_all(body["uploadfile"])
            number = f"v{len(self.versions) + 1}"
            self.versions[number] = {
                "pipeline_id": query["pipelineid"],
                "pipeline_version_id": number,
                "display_name": query["name"],
                "description": query["description"],
                "pipeline_spec": {"pipeline_spec": spec, "platform_spec": platform},
            }
            return 200, self.versions[number]
        if found := re.fullmatch(r"/pipelines/(\w+)/versions(?:/(\w+))?", path):
            of = [one for one in self.versions.values() if one["pipeline_id"] == found[1]]
            return 200, self.versions[found[2]] if found[2] else {"pipeline_versions": of}
        return 404, {"error": path}

    @property
    def host(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def asked(self, method: str, path: str) -> list[tuple[str, str, dict | None, str | None]]:
        wanted = (method, f"/apis/v2beta1{path}")
        return [
            request for request in self.requests if (request[0], request[1].split("?")[0]) == wanted
        ]


def error(said: str, code: int = 3) -> dict:
    """A refusal, as grpc-gateway writes it."""
    status = {"@type": "type.googleapis.com/google.rpc.Status", "code": code, "message": said}
    return {"error": said, "code": code, "message": said, "details": [status]}


def page(name: str, objects: list[dict], query: dict[str, str]) -> tuple[int, dict]:
    """A page of the objects that a filter takes. A token is bound to filter and order."""
    for predicate in json.loads(query.get("filter", "{}")).get("predicates", []):
        value = next(predicate[key] for key in VALUES if key in predicate)
        key = predicate["key"]
        if predicate["operation"] == "EQUALS":
            objects = [one for one in objects if one.get(key) == value]
        else:
            assert predicate["operation"] == "IS_SUBSTRING", predicate
            objects = [one for one in objects if value in one.get(key, "")]
    criteria = [query.get("filter", ""), query.get("sort_by", "")]
    size, start = int(query.get("page_size") or 20), 0
    if query.get("page_token"):
        start, *before = json.loads(query["page_token"])
        if before != criteria:
            return 400, error("page token does not match the supplied sort by and/or filtering")
    rest = json.dumps([start + size, *criteria]) if start + size < len(objects) else ""
    return 200, {name: objects[start : start + size], "next_page_token": rest}


def task_detail(name: str, state: str, start: str = YEAR_ONE, end: str = YEAR_ONE) -> dict:
    """A task as a run's details have it: without its pod."""
    return {"display_name": name, "state": state, "start_time": start, "end_time": end}


def read_body(headers: Message, content: bytes) -> dict[str, Any]:
    """A body of JSON, or the files of a form by their fields."""
    if headers.get_content_type() != "multipart/form-data":
        return json.loads(content)
    form = message_from_bytes(
        b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + content
    )
    return {
        part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode()
        for part in form.get_payload()
    }


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server that answers while it is needed. context: by TLS."""
    state = Server(scheme="https" if context else "http")

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = read_body(self.headers, self.rfile.read(size)) if size else None
            state.requests.append(
                (self.command, self.path, body, self.headers.get("Authorization"))
            )
            state.headers.append(dict(self.headers.items()))
            self.send(state.reply(self.command, self.path, body, state.headers[-1]))

        do_GET = do_POST = do_DELETE = handle_any

        def send(self, reply: Reply) -> None:
            self.close_connection = True
            if reply.hangs:
                state.ended.wait()
            if reply.hangs or reply.breaks:
                return
            headers = {"Content-Type": "application/json", **reply.headers}
            headers["Content-Length"] = str(len(reply.body) + reply.missing)
            self.send_response(reply.status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(OSError):  # the client may have heard enough
                self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    class Http(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that breaks the handshake off is no fault here."""

    with Http(("127.0.0.1", 0), Handler) as http:
        if context:
            # the handshake is left to the thread of the connection
            http.socket = context.wrap_socket(
                http.socket, server_side=True, do_handshake_on_connect=False
            )
        state.port = http.server_port
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield state
        state.ended.set()
        http.shutdown()
