"""A web server on this machine that serves byte ranges (RFC 9110), and fails as told."""

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web(ThreadingHTTPServer):
    """Serves `files` by path.

    drop_after: for each answer, the bytes of its body that are sent before the connection breaks.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.drop_after: list[int] = []
        self.statuses: list[int] = []  # of the next answers, instead of content
        self.after_drop: list[int] = []  # of those that follow a break
        self.ranges = self.marks = self.lengths = True
        self.asked: list[str | None] = []  # the Range of each request
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        web, path = self.server, self.path.split("?")[0]
        web.asked.append(self.headers.get("Range"))
        if web.statuses:
            self.answer(web.statuses.pop(0), b"no")
        elif path in web.redirects:
            self.answer(302, b"", Location=web.redirects[path])
        elif path not in web.files:
            self.answer(404, b"no")
        else:
            self.serve(web.files[path])

    def serve(self, content: bytes) -> None:
        mark = f'"{hashlib.md5(content).hexdigest()}"'
        marks = {"ETag": mark} if self.server.marks else {}
        found = (
            re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            if self.server.ranges
            else None
        )
        if not found or self.headers.get("If-Range", mark) != mark:
            self.answer(200, content, **marks)
        elif (start := int(found[1])) >= len(content):
            self.answer(416, b"", **{"Content-Range": f"bytes */{len(content)}"})
        else:
            self.answer(
                206,
                content[start:],
                **marks,
                **{"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"},
            )

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if self.server.lengths:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if status in (200, 206) and self.server.drop_after:
            body = body[: self.server.drop_after.pop(0)]
            self.server.statuses += self.server.after_drop
            self.close_connection = True
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Print no log lines."""
