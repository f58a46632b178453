"""A real Prometheus and a real Pushgateway on loopback, and queries to them."""

import json
import socket
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SCRAPE_SECONDS = 0.5  # also the time that a scrape may take


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


@contextmanager
def running(ready: str, *command: str) -> Iterator[None]:
    """A server, from when `ready` answers until the block ends."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        limit = time.monotonic() + 30
        while True:
            try:
                get(ready)
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < limit, (
                    f"{command[0]} does not answer"
                )
                time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.communicate()


@contextmanager
def pushgateway() -> Iterator[str]:
    """Its host:port."""
    address = f"127.0.0.1:{free_port()}"
    with running(
        f"http://{address}/-/ready", "prometheus-pushgateway", f"--web.listen-address={address}"
    ):
        yield address


@contextmanager
def prometheus(folder: Path, stages: list[str], gateway: str) -> Iterator["Prometheus"]:
    """It scrapes these stages and this gateway as the cluster's does."""
    address = f"127.0.0.1:{free_port()}"
    config = {
        "global": {"scrape_interval": f"{round(1000 * SCRAPE_SECONDS)}ms"},
        "scrape_configs": [
            {"job_name": "stages", "static_configs": [{"targets": stages}]},
            {
                "job_name": "pushgateway",
                "honor_labels": True,
                "static_configs": [{"targets": [gateway]}],
            },
        ],
    }
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    with running(
        f"http://{address}/-/ready",
        "prometheus",
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/data",
        f"--web.listen-address={address}",
    ):
        yield Prometheus(address)


class Prometheus:
    def __init__(self, address: str):
        self.address, self.began = address, time.time()

    def series(self, query: str) -> list[dict[str, Any]]:
        """What a panel would show from the start until now."""
        asked = urllib.parse.urlencode(
            {"query": query, "start": self.began, "end": time.time(), "step": SCRAPE_SECONDS}
        )
        return json.loads(get(f"http://{self.address}/api/v1/query_range?{asked}"))["data"][
            "result"
        ]

    def numbers(self, query: str) -> list[float]:
        """All values of its series that are numbers, in order of time."""
        return [
            float(value)
            for series in self.series(query)
            for _, value in series["values"]
            if value != "NaN"
        ]

    def wait_for(self, query: str) -> None:
        limit = time.monotonic() + 20
        while not self.numbers(query):
            assert time.monotonic() < limit, f"no data for {query}"
            time.sleep(SCRAPE_SECONDS)
