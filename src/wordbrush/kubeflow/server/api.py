"""HTTP to a Kubeflow Pipelines server: kfp's own client, kfp_server_api, with answers checked.

The generated client waits for ever, follows redirects, and makes empty objects of whatever comes.
Here an answer is a JSON object of bounded size that came in bounded time, or a WordbrushError.
"""

import json
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import kfp_server_api
import urllib3
from urllib3.exceptions import HTTPError, SSLError

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server import tls
from wordbrush.kubeflow.server.credentials import (
    COOKIE,
    HEADERS,
    PROXY_TOKEN,
    TOKEN,
    Credentials,
)
from wordbrush.storage.objects import PAUSES

TIMEOUT = urllib3.Timeout(connect=10, read=60)  # seconds; read: between two pieces of an answer
LONGEST = 120  # seconds for a whole answer
MOST = 64 << 20  # bytes of an answer; a run's has its whole pipeline
PIECE = 1 << 16
WORD = re.compile(r"[\x21-\x7e]{1,200}")  # an id or a state
SHOWN = 300  # characters of what a server says
BUSY = (408, 429)  # and every status of 500 or more
SHORTEST = 4  # characters of a cookie's value that is hidden: 1 or "on" is in every sentence
REASONS = ("error_message", "message", "error", "detail", "details")  # of Kubeflow, and of proxies
TOKENS = f"{TOKEN} or {TOKEN}_FILE"
LOGINS = f"{TOKENS} ({PROXY_TOKEN} for a proxy before it, {COOKIE} for the cookie of a login page)"
ADVICE = {
    401: f"it refused the credentials: set {LOGINS}",
    403: "these credentials may not do that: ask for the role, or name another --namespace",
    404: "it does not know that: check the name, the run's id and the --host",
    407: f"a proxy before it refused the credentials: set {PROXY_TOKEN} or {PROXY_TOKEN}_FILE",
}
Found = TypeVar("Found")
UNKNOWN_FIELD = "unknown field"  # of protobuf's parser: the server is older than the pipeline


class Unavailable(WordbrushError):
    """The server is in trouble that may pass: it is busy, or the connection broke."""


class Busy(Unavailable):
    """It answered so itself, or a proxy before it did: the host is not a wrong one."""


class Unknown(WordbrushError):
    """The server does not know what it was asked for."""


class Answer:
    """What ApiClient reads of an answer."""

    def __init__(self, status: int, content: dict[str, Any]):
        self.status, self.data = status, json.dumps(content).encode()

    def getheader(self, name: str, default: str | None = None) -> str | None:
        return "application/json" if name == "content-type" else default


class Api(kfp_server_api.ApiClient):
    """For the service classes of kfp_server_api. Every fault is a WordbrushError.

    Messages name the host, and give the server's own reason without the credentials.
    """

    def __init__(self, host: str, credentials: Credentials):
        super().__init__(kfp_server_api.Configuration(host))
        if host.startswith("https"):
            self.rest_client.pool_manager = urllib3.PoolManager(ssl_context=tls.make_context())
        self.host, self._credentials = host, credentials
        self._sent: dict[str, str] = {}  # the credentials of the last request
        self._welcome = False  # whether the server took a request before

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
        self._welcome = True
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

    def pages(self, ask: Callable[..., Any], field: str, size: int, **wanted: Any) -> Iterator[Any]:
        """Every object of a list, page by page.

        ask: the method of a service class. field: where the answer has the objects. size: of a
        page. Raises WordbrushError where the list has no end.
        """
        page, seen = "", set[str]()
        while True:
            answer = ask(page_token=page, page_size=size, **wanted)
            yield from getattr(answer, field) or []
            page = answer.next_page_token
            if not page:
                return
            if page in seen:
                raise self.stranger("the same page of a list again and again")
            seen.add(page)

    def stranger(self, what: str) -> WordbrushError:
        """An answer that Kubeflow Pipelines does not give."""
        return WordbrushError(
            f"{self.host} gave {what}, which Kubeflow Pipelines does not: is there a login page or "
            f"a proxy before it? Check --host; if it wants a login, set {LOGINS}."
        )

    def clean(self, text: Any) -> str:
        """What a server says, on one line, of bounded length, and without the credentials."""
        known = str(text)
        for secret in secrets_in(self._sent):
            known = known.replace(secret, "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in known).split())
        return line if len(line) <= SHOWN else f"{line[:SHOWN]}…"

    def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None
    ) -> tuple[urllib3.BaseHTTPResponse, bytes]:
        """Send a request once; the answer and its body."""
        self._sent = self._fresh_credentials()
        try:
            response = self.rest_client.pool_manager.request(
                method,
                url,
                body=body,
                headers={"Content-Type": "application/json", **headers, **self._sent},
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
            raise self._untrusted(root(error)) from None
        except (HTTPError, OSError) as error:
            raise Unavailable(
                f"{self.host} does not answer ({self.clean(said_by(root(error)))}): check --host, "
                "or start the port-forward."
            ) from None

    def _fresh_credentials(self) -> dict[str, str]:
        """As they are now. A file that was good before may be half written for a moment."""
        try:
            return self._credentials.headers()
        except WordbrushError as error:
            raise (Unavailable(str(error)) if self._welcome else error) from None

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
        status, said = response.status, self.clean(reason_in(content) or response.reason or "")
        given = f" ({said})" if said else ""
        if status < 400:
            return self._redirect(response)
        if status == 401 and self._welcome and self._credentials.renewed:
            return Unavailable(
                f"{self.host} answered 401{given}: the credentials expired, and their file has no "
                "newer ones yet; renew them there."
            )
        if status in ADVICE:
            kind = Unknown if status == 404 else WordbrushError
            return kind(f"{self.host} answered {status}{given}: {ADVICE[status]}.")
        kind = Busy if status in BUSY or status >= 500 else WordbrushError
        if status >= 500:
            advice = "see the server's log, and try again later"
        elif UNKNOWN_FIELD in said:
            advice = "it is older than the pipeline: upgrade Kubeflow Pipelines (docs/cluster.md)"
        else:
            advice = "try again later" if status in BUSY else "change what it refuses"
        return kind(f"{self.host} answered {status}{given}: {advice}.")

    def _redirect(self, response: urllib3.BaseHTTPResponse) -> WordbrushError:
        """A redirect, mostly to a login page. It is not followed, and its query not shown."""
        place = "nowhere"
        with suppress(ValueError):
            parts = urlsplit(response.headers.get("Location", ""))
            place = f"{parts.scheme}://{parts.hostname}" if parts.hostname else parts.path or place
        return WordbrushError(
            f"{self.host} answered {response.status}, a redirect to {self.clean(place)}: if that "
            f"is a login page, set {LOGINS}; if the server moved, name its new --host."
        )

    def _untrusted(self, error: BaseException) -> WordbrushError:
        """A server that TLS does not reach, with its certificate where that is the cause."""
        if isinstance(error, ssl.SSLCertVerificationError):
            return WordbrushError(
                f"{self.host} is not trusted ({self.clean(tls.fault(self.host, error))}): check "
                f"--host, or name the authority that issued it in {tls.BUNDLE}, a file of PEM."
            )
        return WordbrushError(
            f"{self.host} cannot be reached by TLS ({self.clean(said_by(error))}): check --host, "
            "http:// or https://."
        )


class Patience:
    """Bears a server in trouble for so many seconds at a time, and says so once each time."""

    def __init__(self, seconds: float):
        self.seconds = seconds

    def ask(self, act: Callable[[], Found], trouble: type[Unavailable] = Unavailable) -> Found:
        """What `act` gives, which is called again while the server is in `trouble`.

        Raises the trouble itself where it lasts longer than patience does, and any other at once.
        """
        pause = PAUSES[0]
        deadline: float | None = None
        while True:
            try:
                return act()
            except trouble as error:
                now = time.monotonic()
                if now + pause > (deadline or now + self.seconds):
                    raise
                if deadline is None:
                    print(f"{error} Trying again for up to {self.seconds:.0f} seconds.", flush=True)
                    deadline = now + self.seconds
            time.sleep(pause)
            pause = min(2 * pause, PAUSES[1])


def secrets_in(headers: dict[str, str]) -> list[str]:
    """What must not be shown of credentials: each as a whole, and what a cookie's parts are set to.

    The longest come first: one may be a part of another.
    """
    cookie, _, _, _ = HEADERS[COOKIE]
    parts = [part.partition("=")[2].strip(' "') for part in headers.get(cookie, "").split(";")]
    whole = [value.removeprefix("Bearer ") for value in headers.values()]
    return sorted([*whole, *(one for one in parts if len(one) >= SHORTEST)], key=len, reverse=True)


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


def root(error: BaseException) -> BaseException:
    """The last cause of an error: the outer ones repeat the address."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error


def said_by(error: BaseException) -> str:
    """What an error says."""
    return str(error) or type(error).__name__
