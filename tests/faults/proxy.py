"""A small HTTP proxy before the GCS emulator that answers like a failing bucket."""

import http.client
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive")


class Proxy(ThreadingHTTPServer):
    """Forwards to `target`; `fault` says how it fails meanwhile.

    An HTTP status; "drop": half of each answer; "lose-upload": no answer to the next PUT, which
    the target has carried out; or None.
    """

    daemon_threads = True

    def __init__(self, target: str):
        super().__init__(("127.0.0.1", 0), Handler)
        self.target = urlsplit(target).netloc
        self.fault: int | str | None = None
        self.requests: list[str] = []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def forward(self) -> None:
        server: Proxy = self.server
        server.requests.append(f"{self.command} {self.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if isinstance(server.fault, int):
            self.answer(
                server.fault,
                [("Content-Type", "application/json")],
                b'{"error": {"code": %d, "message": "a fault of the test"}}' % server.fault,
            )
            return
        upstream = http.client.HTTPConnection(server.target, timeout=60)
        upstream.request(self.command, self.path, body, dict(self.headers))
        response = upstream.getresponse()
        content = response.read()
        headers = [
            (name, value) for name, value in response.getheaders() if name.lower() not in HOP_BY_HOP
        ]
        if server.fault == "lose-upload" and self.command == "PUT":
            server.fault = None
            self.close_connection = True
            return
        if server.fault == "drop" and len(content) > 1:
            self.answer(response.status, headers, content, len(content) // 2)
            self.close_connection = True
            return
        self.answer(response.status, headers, content)

    def answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, sent: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            with suppress(BrokenPipeError):  # the client closed the connection, as it may
                self.wfile.write(content[:sent])

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = forward

    def log_message(self, *_: object) -> None:
        """Print no log lines."""
