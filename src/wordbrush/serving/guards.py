"""Who may ask what, how often, and what pages may do: checked before any handler runs."""

import hmac
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from wordbrush.errors import WordbrushError, optional_packages

with optional_packages():
    from aiohttp import web
    from aiohttp.typedefs import Middleware

LOOPBACK = ("127.0.0.1", "localhost", "::1")
COOKIE = "wordbrush_token"
OPEN_PATHS = ("/healthz",)  # for probes, which have no token
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Access:
    """hosts: names under which the page may be reached; None: under any, and the token protects.
    token: what a visitor must know; None: nothing. secure: whether people come by https, so that
    cookies may demand it."""

    hosts: tuple[str, ...] | None
    token: str | None
    secure: bool = False


def access_of(host: str, address: str | None, token: str | None) -> Access:
    """How a page that listens at `host` may be reached. address: of the proxy before it, if any.

    Raises WordbrushError for an address that is none.
    """
    if address is None:
        return Access(LOOPBACK if host in LOOPBACK else None, token)
    try:
        parts = urlsplit(address)
    except ValueError:  # [ without ]
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise WordbrushError(
            f"--address {address} is none that people open: give one such as "
            "https://pages.example.org."
        )
    return Access((*LOOPBACK, parts.hostname), token, parts.scheme == "https")


class Allowance:
    """So many units a second, and some at once: a bucket that refills."""

    def __init__(self, rate: float, burst: float):
        self.rate, self.burst = rate, burst
        self.left, self.seen = burst, time.monotonic()

    def take(self, units: float = 1.0) -> bool:
        """Whether as much is allowed now; then it is used up."""
        now = time.monotonic()
        self.left = min(self.burst, self.left + (now - self.seen) * self.rate)
        self.seen = now
        if units > self.left:
            return False
        self.left -= units
        return True


def guard(access: Access) -> Middleware:
    """The middleware of all requests."""

    @web.middleware
    async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
        if (refused := _refusal(request, access)) is not None:
            return _secured(request, refused)
        try:
            response = await handler(request)
        except web.HTTPException as error:
            response = web.json_response({"error": error.reason}, status=error.status)
        return response if response.prepared else _secured(request, response)

    return guarded


def _refusal(request: web.Request, access: Access) -> web.Response | None:
    """What to answer instead; None: the request may pass.

    A page of another site may send requests here from a visitor's browser, and with a name that it
    makes point to this machine even read the answers: so names and origins are compared.
    """
    own = _place(f"//{request.host}")
    if own is None or (access.hosts is not None and own.hostname not in access.hosts):
        return _no(403, f"this page is not served under the name {request.host[:60]!r}")
    if request.path in OPEN_PATHS:
        return None
    origin = _place(request.headers.get("Origin", ""))
    acts = request.method not in ("GET", "HEAD") or "Upgrade" in request.headers
    if acts and (origin is None or origin.netloc != own.netloc):
        return _no(403, "requests of other sites are refused")
    if access.token is None:
        return None
    if _same(request.cookies.get(COOKIE, ""), access.token):
        return None
    if request.path == "/" and _same(request.query.get("token", ""), access.token):
        answer = web.Response(status=303, headers={"Location": "/"})
        answer.set_cookie(
            COOKIE,
            access.token,
            httponly=True,
            secure=access.secure,
            samesite="Strict",
            path="/",
        )
        return answer
    return _no(401, "open the address with ?token=… that was printed at the start")


def _place(address: str) -> SplitResult | None:
    """The parts of an address; None: it is none, as only programs send."""
    try:
        return urlsplit(address)
    except ValueError:
        return None


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def _no(status: int, reason: str) -> web.Response:
    return web.json_response({"error": reason}, status=status)


def _secured(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """The page loads nothing from elsewhere, and nobody frames it."""
    here = request.host
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "media-src": "'self' blob:",
        "connect-src": f"'self' ws://{here} wss://{here}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    response.headers.update(
        {
            "Content-Security-Policy": "; ".join(f"{name} {what}" for name, what in policy.items()),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
    )
    response.headers.setdefault("Cache-Control", "no-store")  # what people say is kept nowhere else
    return response
