"""Live metrics of a long stage for Prometheus; off unless WORDBRUSH_METRICS_PORT names a port to scrape."""

import os
from collections.abc import Mapping
from functools import cache

from prometheus_client import Gauge, start_http_server

from wordbrush.runtime.errors import WordbrushError

PORT_VARIABLE = "WORDBRUSH_METRICS_PORT"
_DONE = Gauge("wordbrush_progress_done", "Units of work done", ["task"])
_TOTAL = Gauge("wordbrush_progress_total", "Units of work in all", ["task"])
_FIGURE = Gauge("wordbrush_figure", "A figure of the running task, such as a loss", ["task", "name"])


@cache
def serving() -> bool:
    """Start the endpoint on first use, where the environment asks for one."""
    port = os.environ.get(PORT_VARIABLE, "")
    if not port:
        return False
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise WordbrushError(f"{PORT_VARIABLE} is {port!r}; a port number from 1 to 65535 is needed.")
    try:
        start_http_server(int(port))
    except OSError as error:
        raise WordbrushError(f"metrics cannot be served on port {port} ({error.strerror}); "
                             f"choose another {PORT_VARIABLE}.") from None
    return True


def progress(task: str, done: float, total: float) -> None:
    if serving():
        _DONE.labels(task).set(done)
        _TOTAL.labels(task).set(total)


def figures(task: str, values: Mapping[str, float]) -> None:
    if serving():
        for name, value in values.items():
            _FIGURE.labels(task, name).set(value)
