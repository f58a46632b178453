"""A real server of the KFP API, `pipeline.py` run as people run it, and its YAML read back."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]


def pipeline(
    *arguments: str, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "pipeline.py"), *arguments],
        cwd=cwd,
        text=True,
        capture_output=True,
        env={**os.environ, **environment},
    )


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


@dataclass
class Server:
    """A server of the KFP API: the requests received, and the objects that exist.

    always: in place of every answer. next: in place of the next ones to paths that begin so.
    """

    requests: list[tuple[str, str, dict | None, str | None]] = field(default_factory=list)
    schedules: dict[str, dict] = field(default_factory=dict)
    states: list[str] = field(default_factory=lambda: ["PENDING", "RUNNING", "SUCCEEDED"])
    runs: dict[str, dict] = field(default_factory=dict)
    pipelines: dict[str, dict] = field(default_factory=dict)
    versions: dict[str, dict] = field(default_factory=dict)
    always: Reply | None = None
    next: dict[str, list[Reply]] = field(default_factory=dict)
    port: int = 0
    ended: Event = field(default_factory=Event)

    def reply(
        self, method: str, path: str, body: dict | None, query: dict[str, str] | None = None
    ) -> Reply:
        path = path.removeprefix("/apis/v2beta1")
        if self.always:
            return self.always
        for start, replies in self.next.items():
            if path.startswith(start) and replies:
                return replies.pop(0)
        if path.startswith("/pipelines"):
            status, content = self.answer_of_pipelines(method, path, body or {}, query or {})
        else:
            status, content = self.answer(method, path, body)
        return Reply(json.dumps(content).encode(), status)

    def answer(self, method: str, path: str, body: dict | None) -> tuple[int, dict]:
        """What Kubeflow answers."""
        if path == "/healthz":
            return 200, {"multi_user": False}
        if path == "/experiments":
            known = {"experiment_id": "e1", "display_name": "wordbrush", "namespace": "kubeflow"}
            return 200, ({"experiments": []} if method == "GET" else known)
        if path == "/runs" and method == "POST":
            self.runs["r1"] = {**(body or {}), "run_id": "r1", "experiment_id": "e1"}
            return 200, self.runs["r1"]
        if found := re.fullmatch(r"/runs/(\w+)", path):
            if found[1] not in self.runs:
                return 404, {"error": "run not found"}
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return 200, {**self.runs[found[1]], "state": state}
        if path == "/recurringruns" and method == "POST":
            number = f"s{len(self.schedules) + 1}"
            self.schedules[number] = {
                **(body or {}),
                "recurring_run_id": number,
                "status": "ENABLED",
            }
            return 200, self.schedules[number]
        if path == "/recurringruns":
            return 200, {"recurringRuns": list(self.schedules.values())}
        if found := re.fullmatch(r"/recurringruns/(\w+)(:\w+)?", path):
            if method == "DELETE":
                del self.schedules[found[1]]
            return 200, {}
        return 404, {"error": path}

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
        return f"http://127.0.0.1:{self.port}"

    def asked(self, method: str, path: str) -> list[tuple[str, str, dict | None, str | None]]:
        wanted = (method, f"/apis/v2beta1{path}")
        return [
            request for request in self.requests if (request[0], request[1].split("?")[0]) == wanted
        ]


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
def serving() -> Iterator[Server]:
    """A server that answers while it is needed."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = read_body(self.headers, self.rfile.read(size)) if size else None
            state.requests.append(
                (self.command, self.path, body, self.headers.get("Authorization"))
            )
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query))
            self.send(state.reply(self.command, url.path, body, query))

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

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.port = http.server_port
        Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield state
        state.ended.set()
        http.shutdown()
