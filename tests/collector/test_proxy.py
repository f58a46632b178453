"""The site of nginx in docs/collect.md, run before a server, with a certificate of its own."""

import asyncio
import datetime
import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.collector import visitors
from tests.collector.visitors import Visitor, spoken
from tests.explorer.servers import ROOT

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"])
pytestmark = pytest.mark.skipif(NGINX is None, reason="needs Debian's nginx")
WHOLE = """
daemon off;
worker_processes 1;
pid nginx.pid;
events {{}}
http {{
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    {site}
}}
"""


def certificate(folder: Path) -> None:
    """For localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(pem))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def site(folder: Path, port: int, behind: int) -> str:
    """The example, with other ports, names and places."""
    (example,) = re.findall(r"```nginx\n(.*?)```", (ROOT / "docs/collect.md").read_text(), re.S)
    for old, new in {
        "443 ssl": f"127.0.0.1:{port} ssl",
        "/etc/letsencrypt/live/collect.example.org": str(folder),
        "collect.example.org": "localhost",
        "127.0.0.1:8028": f"127.0.0.1:{behind}",
    }.items():
        assert old in example
        example = example.replace(old, new)
    return example


@contextmanager
def nginx(folder: Path, behind: int) -> Iterator[str]:
    """nginx before the server at this port: its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    certificate(folder)
    (folder / "nginx.conf").write_text(WHOLE.format(site=site(folder, port, behind)))
    assert NGINX is not None
    command = [NGINX, "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield f"https://localhost:{port}/"
        finally:
            process.terminate()


async def reachable(session: aiohttp.ClientSession) -> None:
    async with asyncio.timeout(visitors.PATIENCE):
        while True:
            try:
                async with session.get("/healthz") as response:
                    assert response.status == 200
                    return
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.02)


def test_people_come_by_tls_and_record_and_no_log_keeps_them(tmp_path):
    folder = tmp_path / "nginx"
    folder.mkdir()

    async def visited() -> None:
        async with visitors.served(store, secure=True) as address:
            behind = int(address.rstrip("/").rpartition(":")[2])
            with nginx(folder, behind) as outside:
                connector = aiohttp.TCPConnector(ssl=False)
                async with aiohttp.ClientSession(outside, connector=connector) as session:
                    await reachable(session)
                    one = Visitor(session, outside)
                    async with session.get("/") as response:
                        assert "wss://localhost:" in response.headers["Content-Security-Policy"]
                        assert "Strict-Transport-Security" in response.headers
                    shown = await one.agree(visitors.tokens(store)[0])
                    assert (await one.record(shown[0], spoken("I see a red cube here")))["accepted"]
                    one.origin["Origin"] = "https://elsewhere.example"
                    assert (await one.ask("/api/submit", {}))[0] == 403

    with visitors.store_of(tmp_path) as store:
        asyncio.run(visited())
    assert not [path for path in folder.rglob("*.log") if path.stat().st_size]
