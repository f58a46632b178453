"""HTTP to a Kubeflow Pipelines server: kfp's own client, kfp_server_api, with answers checked.

The generated client waits for ever, follows redirects, and makes empty objects of whatever comes.
Here an answer is a JSON object of bounded size that came in bounded time, or a WordbrushError.
"""

import json
import re
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode, urlsplit

import kfp_server_api
import urllib3
from urllib3.exceptions import HTTPError, SSLError

from wordbrush.errors import WordbrushError
from wordbrush.storage.objects import PAUSES

TIMEOUT = urllib3.Timeout(connect=10, read=60)  # seconds; read: between two pieces of an answer
LONGEST = 120  # seconds for a whole answer
MOST = 64 << 20  # bytes of an answer; a run's has its whole pipeline
PIECE = 1 << 16
WORD = re.compile(r"[\x21-\x7e]{1,200}")  # an id or a state
SHOWN = 300  # characters of what a server says
TRANSIENT = (408, 429, 502, 503, 504)
REASONS = ("error_message", "message", "error", "detail", "details")  # of Kubeflow, and of proxies
TOKENS = "WORDBRUSH_KFP_TOKEN or WORDBRUSH_KFP_TOKEN_FILE"
ADVICE = {
    401: f"it refused the credentials: set {TOKENS}",
    403: "these credentials may not do that: ask for the role, or name another --namespace",
    404: "it does not know that: check the name, the run's id and the --host",
}


class Unavailable(WordbrushError):
    """The server is in trouble that may pass: it is busy, or the connection broke."""


class Answer:
    """What ApiClient reads of an answer."""

    def __init__(self, status: int, content: dict[str, Any]):
        self.status, self.data = status, json.dumps(content).encode()

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return "application/json" if name == "content-type" else default


class Api(kfp_server_api.ApiClient):
    """For the service classes of kfp_server_api. Every fault is a WordbrushError.

    Messages name the host, and give the server's own reason without the token.
    """

    def __init__(self, host: str, token: str | None):
        configuration = kfp_server_api.Configuration(
            host,
            api_key={"authorization": token} if token else {},
            api_key_prefix={"authorization": "Bearer"},
        )
        super().__init__(configuration)
        self.host, self._token = host, token

    def request(
        self,
        method: str,
        url: str,
        query_params: Any = None,
        headers: dict[str, str] | None = None,
        post_params: Any = None,
        body: Any = None,
        _preload_content: bool = True,
        _request_timeout: Any = None,
    ) -> Answer:
        """Overrides ApiClient's. Raises WordbrushError, of which Unavailable may pass."""
        if query_params:
            url = f"{url}?{urlencode(query_params)}"
        headers, sent = headers or {}, None if body is None else json.dumps(body).encode()
        if post_params:  # a file
            sent, kind = urllib3.encode_multipart_formdata(post_params)
            headers = {**headers, "Content-Type": kind}
        response, content = self._exchange(method, url, headers, sent)
        if response.status >= 300:
            raise self._refusal(response, content)
        return Answer(response.status, self._object(response.status, content))

    def deserialize(self, response: Answer, response_type: str) -> Any:
        """Overrides ApiClient's, which fails in many ways for an answer of another shape.

        An empty object is right for many: Kubeflow leaves out fields that are false or empty.
        """
        model = getattr(kfp_server_api.models, response_type, None)
        found = json.loads(response.data).keys()
        if model and found and found.isdisjoint(model.attribute_map.values()):
            raise self.stranger("an answer of another shape")
        try:
            return super().deserialize(response, response_type)
        except (
            *(AttributeError, KeyError, OverflowError, TypeError, ValueError),
            kfp_server_api.ApiException,
        ):
            raise self.stranger("an answer of another shape") from None

    def id_in(self, answer: Any, field: str) -> str:
        """A field that is an id. Raises WordbrushError where the answer has none."""
        value = getattr(answer, field)
        if not isinstance(value, str) or not WORD.fullmatch(value):
            raise self.stranger(f"an answer without {field}")
        return value

    def stranger(self, what: str) -> WordbrushError:
        """An answer that Kubeflow Pipelines does not give."""
        return WordbrushError(
            f"{self.host} gave {what}, which Kubeflow Pipelines does not: is there a login page or "
            f"a proxy before it? Check --host; if it wants a login, set {TOKENS}."
        )

    def clean(self, text: Any) -> str:
        """What a server says, on one line, of bounded length, and without the token."""
        known = str(text).replace(self._token, "***") if self._token else str(text)
        line = " ".join("".join(c if c.isprintable() else " " for c in known).split())
        return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        """Send a request once; the answer and its body."""
        try:
            response = self.rest_client.pool_manager.request(
                method,
                url,
                body=body,
                headers={"Content-Type": "application/json", **headers},
                timeout=TIMEOUT,
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                return response, self._read(response)
            finally:
                response.close()
        except SSLError as error:
            raise WordbrushError(
                f"{self.host} cannot be reached by TLS ({self.clean(root(error))}): check --host, "
                "http:// or https://, and the server's certificate."
            ) from None
        except (HTTPError, OSError) as error:
            raise Unavailable(
                f"{self.host} does not answer ({self.clean(root(error))}): check --host, or start "
                "the port-forward."
            ) from None

    def _read(self, response: urllib3.BaseHTTPResponse) -> bytes:
        """The body of an answer, decoded."""
        deadline, content = time.monotonic() + LONGEST, bytearray()
        while piece := response.read1(PIECE, decode_content=True):
            content += piece
            if len(content) > MOST:
                raise self.stranger(f"more than {MOST >> 20} MiB")
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"{self.host} does not end its answer (after {LONGEST} seconds): try again "
                    "later, or check the network."
                )
        return bytes(content)

    def _object(self, status: int, content: bytes) -> dict[str, Any]:
        """The JSON object that an answer is."""
        if status == 204:  # no content
            return {}
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            what = "a page of HTML" if is_html(content) else "an answer that is not JSON"
            raise self.stranger(what if content.strip() else "an empty answer") from None
        if not isinstance(value, dict):
            raise self.stranger("JSON that is no object")
        return value

    def _refusal(self, response: urllib3.BaseHTTPResponse, content: bytes) -> WordbrushError:
        """A status that is not success, with the server's reason."""
        status, reason = response.status, self.clean(reason_in(content) or response.reason or "")
        given = f" ({reason})" if reason else ""
        if status < 400:
            return self._redirect(response)
        if status in ADVICE:
            return WordbrushError(f"{self.host} answered {status}{given}: {ADVICE[status]}.")
        kind = Unavailable if status in TRANSIENT else WordbrushError
        if status >= 500:
            advice = "see the server's log, and try again later"
        else:
            advice = "try again later" if status in TRANSIENT else "change what it refuses"
        return kind(f"{self.host} answered {status}{given}: {advice}.")

    def _redirect(self, response: urllib3.BaseHTTPResponse) -> WordbrushError:
        """A redirect, mostly to a login page. It is not followed, and its query not shown."""
        place = "nowhere"
        with suppress(ValueError):
            parts = urlsplit(response.headers.get("Location", ""))
            place = f"{parts.scheme}://{parts.hostname}" if parts.hostname else parts.path or place
        return WordbrushError(
            f"{self.host} answered {response.status}, a redirect to {self.clean(place)}: if that "
            f"is a login page, set {TOKENS}; if the server moved, name its new --host."
        )


class Patience:
    """Bears a server in trouble for so many seconds at a time, and says so once.

    Raises the trouble itself where it lasts longer.
    """

    def __init__(self, seconds: float):
        self.seconds, self.said = seconds, False
        self.relieve()

    def relieve(self) -> None:
        """The trouble has passed."""
        self.deadline: float | None = None
        self.pause = PAUSES[0]

    def bear(self, trouble: Unavailable) -> None:
        """Wait before the next try. Raises the trouble itself when patience ends."""
        now = time.monotonic()
        if self.deadline is None:
            self.deadline = now + self.seconds
        if now + self.pause > self.deadline:
            raise trouble
        if not self.said:
            print(f"{trouble} It is asked again for up to {self.seconds:.0f} seconds.", flush=True)
            self.said = True
        time.sleep(self.pause)
        self.pause = min(2 * self.pause, PAUSES[1])


def is_html(content: bytes) -> bool:
    """Whether a body looks like a page for a browser."""
    return content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def reason_in(content: bytes) -> str | None:
    """What the body of a refusal says: a field of its JSON, or plain text."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None if is_html(content) else content[: 4 * SHOWN].decode("utf-8", "replace")
    while isinstance(value, dict | list):  # {"error": {"message": …}}
        inner = (
            value[:1] if isinstance(value, list) else [value[n] for n in REASONS if value.get(n)]
        )
        value = inner[0] if inner else None
    return None if value is None else str(value)


def root(error: BaseException) -> str:
    """The last cause of an error: the outer ones repeat the address."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return str(error) or type(error).__name__
