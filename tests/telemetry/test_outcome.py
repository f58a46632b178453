"""The outcome of a stage, as a real Pushgateway receives it.

A gateway that is slow, broken or misspelt costs a line.
"""

import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest

from tests.monitoring.servers import get, pushgateway
from wordbrush.errors import Diverged, Stopped, WordbrushError
from wordbrush.telemetry import outcome
from wordbrush.telemetry.outcome import REASONS, Outcome, reported

WORDBRUSH = str(Path(sys.executable).with_name("wordbrush"))


@pytest.fixture(scope="module")
def gateway() -> Iterator[str]:
    with pushgateway() as address:
        yield address


def pushed(gateway: str, name: str, stage: str) -> dict[str, float]:
    """The values of a metric of this stage, by its other labels."""
    lines = re.findall(rf"^{name}{{(.*)}} (\S+)$", get(f"http://{gateway}/metrics"), re.MULTILINE)
    return {
        re.sub(r'(instance|job|stage)="[^"]*",?', "", labels).rstrip(","): float(value)
        for labels, value in lines
        if f'stage="{stage}"' in labels
    }


@pytest.mark.cluster
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, "success"),
        (WordbrushError("no data"), "fault"),
        (Diverged("nan"), "diverged"),
        (Stopped("SIGTERM"), "stopped"),
        (MemoryError(), "error"),
        (KeyboardInterrupt(), "error"),
    ],
)
def test_how_a_stage_ended_is_pushed(gateway, monkeypatch, error, reason):
    monkeypatch.setenv("WORDBRUSH_PUSHGATEWAY", gateway)
    stage = f"ends-as-{reason}"
    with suppress(BaseException), reported(stage, "hard"):
        if error:
            raise error
    exits = pushed(gateway, "wordbrush_stage_exit", stage)
    assert exits == {f'mining="hard",reason="{one}"': float(one == reason) for one in REASONS}
    assert 0 <= pushed(gateway, "wordbrush_stage_duration_seconds", stage)['mining="hard"'] < 5
    assert bool(pushed(gateway, "wordbrush_stage_last_success_timestamp_seconds", stage)) == (
        reason == "success"
    )


@pytest.mark.cluster
def test_a_failure_leaves_the_last_success(gateway, monkeypatch):
    monkeypatch.setenv("WORDBRUSH_PUSHGATEWAY", f"http://{gateway}")
    with reported("report"):
        pass
    before = pushed(gateway, "wordbrush_stage_last_success_timestamp_seconds", "report")
    with suppress(WordbrushError), reported("report"):
        raise WordbrushError("no data")
    assert pushed(gateway, "wordbrush_stage_last_success_timestamp_seconds", "report") == before
    assert pushed(gateway, "wordbrush_stage_exit", "report")['reason="fault"'] == 1


@pytest.mark.cluster
def test_a_stage_of_the_command_line_pushes(gateway, tmp_path, monkeypatch):
    monkeypatch.setenv("WORDBRUSH_PUSHGATEWAY", gateway)
    assert (
        subprocess.run([WORDBRUSH, "evaluate"], cwd=tmp_path, capture_output=True).returncode == 2
    )
    assert pushed(gateway, "wordbrush_stage_exit", "evaluate")['reason="fault"'] == 1


def answers(connection: socket.socket, said: bytes) -> None:
    with connection, suppress(OSError):
        peer, _ = connection.accept()
        peer.sendall(said)
        peer.recv(65536)
        peer.close()


@pytest.mark.parametrize(
    "said", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 500 no\r\nContent-Length: 0\r\n\r\n"]
)
def test_a_gateway_that_is_broken_costs_a_line(monkeypatch, capsys, said):
    with socket.create_server(("127.0.0.1", 0)) as server:
        Thread(target=answers, args=(server, said), daemon=True).start()
        warned(monkeypatch, capsys, f"127.0.0.1:{server.getsockname()[1]}")


def test_a_gateway_that_never_answers_costs_a_line_and_little_time(monkeypatch, capsys):
    monkeypatch.setattr(outcome, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "timed out" in warned(monkeypatch, capsys, f"127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1:1",  # a port that no service uses
        "no.such.host.invalid:9091",
        "http://[",
        "host:port",
        "ftp://x",
        "a b",
    ],
)
def test_a_gateway_that_is_not_there_costs_a_line(monkeypatch, capsys, address):
    warned(monkeypatch, capsys, address)


def warned(monkeypatch, capsys, address: str) -> str:
    monkeypatch.setenv("WORDBRUSH_PUSHGATEWAY", address)
    with reported("train-gan"):
        pass
    said = capsys.readouterr().err
    assert (
        said.count("\n") == 1
        and said.startswith("the outcome of train-gan is not pushed: ")
        and address in said
    )
    return said


def test_without_a_gateway_nothing_is_said(monkeypatch, capsys):
    monkeypatch.delenv("WORDBRUSH_PUSHGATEWAY", raising=False)
    Outcome().push("train-gan", "")
    assert capsys.readouterr().err == ""
