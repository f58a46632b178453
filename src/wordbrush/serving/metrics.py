"""Metrics of pages for Prometheus, at the port in WORDBRUSH_METRICS_PORT (docs/monitoring.md).

Labels are bounded: pages, routes as they are declared, statuses, and kinds of work that are
constants here. Nothing of a visitor is among them.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from wordbrush.errors import optional_packages
from wordbrush.serving.guards import Handler

with optional_packages():
    from aiohttp import web
    from aiohttp.typedefs import Middleware

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
FAULT = 500  # the status where a handler raises what it should not
UPGRADED = 101  # the status of WebSockets, which last as long as their page is open
REQUESTS = Counter("wordbrush_web_requests", "Requests answered", ["page", "route", "status"])
SECONDS = Histogram(
    "wordbrush_web_request_seconds",
    "From the head of a request to its answer, WebSockets aside",
    ["page", "route"],
    buckets=BUCKETS,
)
CONNECTIONS = Gauge(
    "wordbrush_web_connections", "Requests that are being answered, and WebSockets", ["page"]
)
QUEUE = Gauge("wordbrush_web_queue", "Work that is being done or waits", ["page", "work"])
WORK = Histogram(
    "wordbrush_web_work_seconds",
    "From when work was asked for to its end, waiting included",
    ["page", "work"],
    buckets=BUCKETS,
)


def measured(page: str) -> Middleware:
    """The middleware that counts and times all requests of a page."""

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "none"
        began, status = time.perf_counter(), FAULT
        try:
            with CONNECTIONS.labels(page).track_inprogress():
                response = await handler(request)
            status = response.status
            return response
        finally:
            REQUESTS.labels(page, route, str(status)).inc()
            if status != UPGRADED:
                SECONDS.labels(page, route).observe(time.perf_counter() - began)

    return counted


@contextmanager
def working(page: str, work: str) -> Iterator[None]:
    """Within, work is being done or waits for its turn."""
    with QUEUE.labels(page, work).track_inprogress(), WORK.labels(page, work).time():
        yield
