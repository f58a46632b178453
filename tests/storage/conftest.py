"""A server of S3, behind a proxy that can fail."""

import logging
import urllib.request
from collections.abc import Iterator

import pytest

from tests.faults.proxy import Proxy


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of moto's server, with the bucket `wordbrush`."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs every request
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    urllib.request.urlopen(urllib.request.Request(f"{address}/wordbrush", method="PUT"))
    yield address
    server.stop()


@pytest.fixture
def s3_proxy(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """What s3:// means within a test."""
    proxy = Proxy(s3_server)
    settings = {
        "ENDPOINT_URL": proxy.address,
        "ALLOW_HTTP": "true",
        "ACCESS_KEY_ID": "someone",
        "SECRET_ACCESS_KEY": "secret",
        "REGION": "us-east-1",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    yield proxy
    proxy.shutdown()
    proxy.server_close()
