"""What requests show to be let in, and which servers are trusted: real servers, with TLS."""

import datetime as dt
import ipaddress
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.kfp_server import Reply, Server, serving
from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server import api, client, schedules, tls
from wordbrush.kubeflow.server.connection import Connection, make_connection
from wordbrush.kubeflow.server.credentials import HEADERS, credentials_from_environment

ENVIRONMENT = ("WORDBRUSH_KFP_TOKEN", "WORDBRUSH_KFP_TOKEN_FILE")


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in (*HEADERS, *(f"{name}_FILE" for name in HEADERS), *tls.BUNDLES):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def token(monkeypatch, tmp_path) -> Callable[[str, bytes], str | None]:
    """Sets a token by its variable or by a file; what a connection has then."""

    def set_token(variable: str, value: bytes) -> str | None:
        for name in ENVIRONMENT:
            monkeypatch.delenv(name, raising=False)
        if variable == ENVIRONMENT[0]:
            monkeypatch.setenv(variable, value.decode("utf-8", "surrogateescape"))
        else:
            (tmp_path / "token").write_bytes(value)
            monkeypatch.setenv(variable, str(tmp_path / "token"))
        found = credentials_from_environment().headers().get("Authorization")
        return found and found.removeprefix("Bearer ")

    return set_token


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_a_token_loses_the_white_space_around_it(token, variable):
    assert token(variable, b" \tSECRET.abc-_~+/= \r\n") == "SECRET.abc-_~+/="


@pytest.mark.parametrize("variable", ENVIRONMENT)
@pytest.mark.parametrize(
    "value",
    [
        b"SEC\nRET",
        b"SEC\rRET: x",
        b"Bearer SECRET",
        b"SECRET\xc3\xa9",
        b"SECRET\xff",
        b"\x01SECRET",
    ],
)
def test_what_cannot_be_a_token_is_refused_and_not_shown(token, variable, value):
    with pytest.raises(WordbrushError) as caught:
        token(variable, value)
    assert variable in str(caught.value) and "SEC" not in str(caught.value).replace("SECRET_", "")


def test_a_token_that_is_not_there(token, monkeypatch):
    assert token(ENVIRONMENT[0], b"") is None
    with pytest.raises(WordbrushError, match="is empty"):
        token(ENVIRONMENT[1], b"\n")
    for place, words in (("/nowhere/token", "No such file"), ("/", "directory")):
        monkeypatch.setenv(ENVIRONMENT[1], place)
        with pytest.raises(WordbrushError, match=words):
            credentials_from_environment()
    monkeypatch.setenv(ENVIRONMENT[1], "/dev/zero")
    with pytest.raises(WordbrushError, match="is not a token"):
        credentials_from_environment()


def test_a_proxy_a_cookie_and_a_token_at_once(server, monkeypatch, tmp_path):
    """An identity-aware proxy takes Proxy-Authorization and leaves Authorization to Kubeflow."""
    server.token, server.proxy_token, server.cookie = "of-kubeflow", "of-the-proxy", "session=a b"
    (tmp_path / "cookie").write_text("session=a b\n")
    monkeypatch.setenv("WORDBRUSH_KFP_TOKEN", "of-kubeflow")
    monkeypatch.setenv("WORDBRUSH_KFP_PROXY_TOKEN", "of-the-proxy")
    monkeypatch.setenv("WORDBRUSH_KFP_COOKIE_FILE", str(tmp_path / "cookie"))
    assert listed(server) == []
    for name in ("WORDBRUSH_KFP_TOKEN", "WORDBRUSH_KFP_PROXY_TOKEN"):
        monkeypatch.setenv(name, "wrong")
        with pytest.raises(WordbrushError, match=r"answered 401.*set WORDBRUSH_KFP_TOKEN"):
            listed(server)
    monkeypatch.delenv("WORDBRUSH_KFP_PROXY_TOKEN")
    with pytest.raises(WordbrushError, match="Invalid IAP credentials"):
        listed(server)


def test_a_login_page_names_the_cookie(server):
    server.cookie = "session=1"
    with pytest.raises(WordbrushError, match=r"redirect to .*WORDBRUSH_KFP_COOKIE"):
        listed(server)


@pytest.mark.parametrize("value", ["session", "a=b\nX: y", "a=\xe9"])
def test_what_cannot_be_a_cookie_is_refused(monkeypatch, value):
    monkeypatch.setenv("WORDBRUSH_KFP_COOKIE", value)
    with pytest.raises(WordbrushError, match="WORDBRUSH_KFP_COOKIE is not a cookie"):
        credentials_from_environment()


def test_no_secret_comes_back(server, monkeypatch):
    secrets = {"TOKEN": "top-secret-1", "PROXY_TOKEN": "top-secret-2", "COOKIE": "s=top-secret-3"}
    for name, value in secrets.items():
        monkeypatch.setenv(f"WORDBRUSH_KFP_{name}", value)
    server.always = Reply(" ".join(secrets.values()).encode(), 400)
    with pytest.raises(WordbrushError, match=r"\*\*\* \*\*\* \*\*\*") as caught:
        listed(server)
    assert "top-secret" not in str(caught.value)
    assert "top-secret" not in repr(make_connection(server.host, "kubeflow", "wordbrush"))


def test_no_part_of_a_cookie_comes_back(server, monkeypatch):
    """A part may be the beginning of another, and a word of one letter is no secret."""
    monkeypatch.setenv("WORDBRUSH_KFP_COOKIE", 'a=1; b=secret; c="secret-longer"; on=true; d=abc')
    server.always = Reply(b"1 bad session: secret-longer (secret) abc", 400)
    with pytest.raises(WordbrushError, match=r"\(1 bad session: \*\*\* \(\*\*\*\) abc\)"):
        listed(server)


def test_a_run_is_followed_over_a_token_that_expires(server, monkeypatch, tmp_path, capsys):
    """Whoever renews its file may be late."""
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.01))
    connection, file = with_token_file(server, monkeypatch, tmp_path)
    contents = iter(["first", "first", "renewed"])
    server.renew = lambda: file.write_text(next(contents))
    server.states = ["PENDING", "RUNNING", "RUNNING", "SUCCEEDED"]
    assert client.wait(connection, "r1", 0.001).state == "SUCCEEDED"
    assert "the credentials expired" in capsys.readouterr().out


def test_a_token_file_may_be_half_written_for_a_moment(server, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.01))
    connection, file = with_token_file(server, monkeypatch, tmp_path)
    server.renew = lambda: file.write_text("")
    with pytest.raises(WordbrushError, match="is empty"):
        client.wait(connection, "r1", 0.001, patience=0.05)
    assert "Trying again" in capsys.readouterr().out


def test_a_token_that_nobody_renews(server, monkeypatch, tmp_path):
    monkeypatch.setattr(api, "PAUSES", (0.001, 0.01))
    connection, _ = with_token_file(server, monkeypatch, tmp_path)
    with pytest.raises(WordbrushError, match="the credentials expired"):
        client.wait(connection, "r1", 0.001, patience=0.05)
    assert len(server.requests) > 3


def with_token_file(server: Server, monkeypatch, folder: Path) -> tuple[Connection, Path]:
    """A run, and a token that two requests may show."""
    (folder / "token").write_text("first")
    monkeypatch.setenv(ENVIRONMENT[1], str(folder / "token"))
    server.runs["r1"] = {"run_id": "r1"}
    server.token, server.lifetime, server.successor = "first", 2, "renewed"
    return make_connection(server.host, "kubeflow", "wordbrush"), folder / "token"


def test_a_token_of_a_pipe_is_read_once(server, monkeypatch):
    """As of WORDBRUSH_KFP_TOKEN_FILE=<(gcloud auth print-identity-token)."""
    reading, writing = os.pipe()
    os.write(writing, b"right\n")
    os.close(writing)
    monkeypatch.setenv(ENVIRONMENT[1], f"/dev/fd/{reading}")
    server.token = "right"
    assert listed(server) == []
    os.close(reading)
    assert len(server.requests) == 2


def test_a_token_that_never_worked_is_not_asked_again(server, monkeypatch, tmp_path):
    (tmp_path / "token").write_text("wrong")
    monkeypatch.setenv(ENVIRONMENT[1], str(tmp_path / "token"))
    server.token = "right"
    with pytest.raises(WordbrushError, match="it refused the credentials"):
        client.wait(make_connection(server.host, "kubeflow", "wordbrush"), "r1", 0.001)
    assert len(server.requests) == 1


def listed(server: Server) -> list[str]:
    return schedules.list_schedules(make_connection(server.host, "kubeflow", "wordbrush"))


class Authority:
    """A private authority that signs certificates of servers."""

    def __init__(self, folder: Path):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = named("Private Authority")
        self.file = folder / "ca.pem"
        self.file.write_bytes(pem(self.sign(self.name, self.key, 365, is_ca=True)))

    def sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        days: int,
        address: str = "127.0.0.1",
        is_ca: bool = False,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=30))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .add_extension(alternative, critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def context(self, days: int = 30, address: str = "127.0.0.1") -> ssl.SSLContext:
        """Of a server with a certificate for this address, valid for so many days."""
        key = ec.generate_private_key(ec.SECP256R1())
        file = self.folder / f"server{days}{address}.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        file.write_bytes(private + pem(self.sign(named("kfp.example.org"), key, days, address)))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


@pytest.fixture
def authority(tmp_path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def secured(authority) -> Iterator[Server]:
    with serving(authority.context()) as state:
        yield state


@pytest.mark.parametrize("name", tls.BUNDLES)
def test_a_private_authority_is_trusted_where_a_variable_names_it(
    secured, authority, monkeypatch, name
):
    monkeypatch.setenv(name, str(authority.file))
    assert listed(secured) == []


def test_the_own_variable_goes_first(secured, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere.pem")
    monkeypatch.setenv("WORDBRUSH_KFP_CA", str(authority.file))
    assert listed(secured) == []


def test_a_certificate_that_is_not_trusted_is_named(secured):
    with pytest.raises(WordbrushError) as caught:
        listed(secured)
    said = str(caught.value)
    assert "unable to get local issuer" in said and "of CN=kfp.example.org" in said
    assert "issued by CN=Private Authority" in said and "WORDBRUSH_KFP_CA" in said
    assert not secured.requests  # no token went there


@pytest.mark.parametrize(
    ("days", "address", "words"),
    [(-1, "127.0.0.1", "has expired"), (30, "10.0.0.1", "IP address mismatch")],
)
def test_why_a_certificate_is_refused(authority, monkeypatch, days, address, words):
    monkeypatch.setenv("WORDBRUSH_KFP_CA", str(authority.file))
    with serving(authority.context(days, address)) as server:
        with pytest.raises(WordbrushError, match=words) as caught:
            listed(server)
        assert "issued by CN=Private Authority, valid until" in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----"])
def test_a_bundle_without_certificates(secured, monkeypatch, tmp_path, content):
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("WORDBRUSH_KFP_CA", str(file))
    with pytest.raises(WordbrushError, match=r"WORDBRUSH_KFP_CA: .* holds no certificates"):
        listed(secured)
