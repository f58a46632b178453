"""A file at a URL, by https:// alone, also after redirects."""

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urljoin, urlsplit

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.storage.sources import Interrupted, Stream

with optional_packages():
    import requests
    from requests import exceptions
    from urllib3.exceptions import HTTPError

MIB = 1 << 20
TIMEOUT = (10.0, 60.0)  # seconds for a server to accept, and between two pieces of its answer
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TRY_AGAIN = (408, 429, 500, 502, 503, 504)
REFUSALS = {
    401: "it wants a login: use a signed URL, or gs://",
    403: "it may not be read: ask its owner, or use a signed URL",
    404: "there is nothing at that address; check it",
    410: "it is no longer there",
}


class WebSource:
    """A URL. Its query, which may hold a signature, and its password are never shown or kept."""

    def __init__(self, url: str):
        self.url, self.session = url, SecureSession()
        parts = split(url)
        self.address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        self.answered = False

    def open(self, start: int, mark: str | None) -> Stream:
        """By RFC 9110, §13.1.5: a range if the content is unchanged (If-Range), else all of it."""
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers |= {"Range": f"bytes={start}-"} | ({"If-Range": mark} if mark else {})
        response = self._get(headers)
        status = response.status_code
        if status not in (200, 206):
            response.close()
        if status == 416 and start:
            return self._at_the_end(response, start, mark)
        if status in TRY_AGAIN:
            raise Interrupted(f"it answered {status}")
        if status not in (200, 206):
            reason = REFUSALS.get(status, response.reason or "no reason given")
            raise WordbrushError(f"{self.address} answered {status}: {reason}.")
        begin, size = _range(response)
        if begin not in (0, start):
            raise WordbrushError(
                f"{self.address} sent other bytes than it was asked for; its server cannot be used."
            )
        return Stream(begin, size, _mark(response), _pieces(response))

    def _at_the_end(self, response: requests.Response, start: int, mark: str | None) -> Stream:
        """The server has nothing after `start`: the file is complete, or is another one."""
        length = response.headers.get("Content-Range", "").removeprefix("bytes */")
        if length.isdigit() and int(length) == start:
            return Stream(start, start, mark, iter(()))
        return self.open(0, None)

    def _get(self, headers: dict[str, str]) -> requests.Response:
        try:
            response = self.session.get(self.url, headers=headers, stream=True, timeout=TIMEOUT)
        except exceptions.SSLError as error:
            raise WordbrushError(
                f"{self.address}: the server's certificate is not trusted ({_root(error)})."
            ) from error
        except (exceptions.ConnectionError, exceptions.Timeout) as error:
            if self.answered:
                raise Interrupted(_root(error)) from error
            raise WordbrushError(
                f"{self.address} cannot be reached ({_root(error)}); check address and network."
            ) from error
        except exceptions.RequestException as error:  # some of its sentences hold the whole URL
            raise WordbrushError(
                f"{self.address} cannot be read ({type(error).__name__})."
            ) from error
        self.answered = True
        return response


class SecureSession(requests.Session):
    """Follows a redirect only where `require_secure` lets it."""

    def get_redirect_target(self, response: requests.Response) -> str | None:
        target = super().get_redirect_target(response)
        if target:
            split(target)
            require_secure(urljoin(response.url, target), response.url)
        return target


def require_secure(url: str, before: str | None = None) -> None:
    """Raises WordbrushError, unless the URL is https, or http on this machine.

    before: the URL that redirects to it; one elsewhere cannot lead to http on this machine.
    """
    parts = split(url)
    local = all(
        one.scheme == "http" and one.hostname in LOOPBACK for one in (parts, split(before or url))
    )
    if not local and (parts.scheme != "https" or not parts.hostname):
        led = "a redirect leads to" if before else "this is"
        raise WordbrushError(
            f"{led} {parts.scheme}://{parts.hostname or ''}, but only gs:// and https:// are read."
        )


def split(url: str) -> SplitResult:
    """The parts of a URL. Raises WordbrushError, which does not show it, where it has none."""
    try:
        return urlsplit(url)
    except ValueError:
        raise WordbrushError(
            "that is no URL, or a redirect leads to none; an example: "
            "https://example.org/CLEVR_v1.0.zip."
        ) from None


def _range(response: requests.Response) -> tuple[int, int | None]:
    """Where an answer starts (-1: unclear), and the size of the whole, in bytes."""
    if response.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        return (int(found[1]), int(found[2]) if found[2] != "*" else None) if found else (-1, None)
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdigit() else None


def _mark(response: requests.Response) -> str | None:
    """A strong validator, as If-Range needs it."""
    tag = response.headers.get("ETag")
    return tag if tag and not tag.startswith("W/") else response.headers.get("Last-Modified")


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The bytes as they are stored: nothing is decoded."""
    with response:
        try:
            yield from response.raw.stream(MIB, decode_content=False)
        except (HTTPError, OSError) as error:
            raise Interrupted(_root(error)) from error


def _root(error: BaseException) -> str:
    """The last cause in one line; the outer ones name addresses and queries."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return " ".join(str(error).split()) or type(error).__name__
