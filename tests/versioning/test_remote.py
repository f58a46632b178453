"""`wordbrush remote` tries a location, then writes it; one that cannot be used changes nothing."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from dvc.config import Config

from tests.faults.proxy import Proxy
from tests.faults.test_full_disk import CAP_DAC_OVERRIDE, PR_CAPBSET_DROP
from tests.test_cli import WORDBRUSH, one_sentence
from tests.workspace import Workspace
from wordbrush.errors import WordbrushError
from wordbrush.versioning.remote import set_remote

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def empty(tmp_path_factory) -> Workspace:
    workspace = Workspace(tmp_path_factory.mktemp("empty"))
    workspace.run("dvc", "init", "--no-scm", "--quiet")
    return workspace


@pytest.fixture
def project(empty, tmp_path, monkeypatch) -> Workspace:
    """An empty DVC repository, which is the current folder of the test."""
    shutil.copytree(empty.root, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path)


def emulated(address: str) -> list[str]:
    return [f"endpointurl={address}", "allow_anonymous_login=true", "projectname=test"]


def configured(project: Workspace) -> str:
    return (project.root / ".dvc/config").read_text(encoding="utf-8")


def test_a_bucket_becomes_the_default_remote_and_is_left_as_it_was(
    project, bucket_server, monkeypatch, capsys
):
    set_remote(Path("."), f"gs://wordbrush/{project.root.name}", emulated(bucket_server))
    assert "can be read and written" in capsys.readouterr().out
    assert "remote = wordbrush" in configured(project) and "verify = True" in configured(project)
    listed = requests.get(
        f"{bucket_server}/storage/v1/b/wordbrush/o",
        params={"prefix": project.root.name},
        timeout=10,
    ).json()
    assert listed.get("items", []) == []
    with (project.root / ".dvc/config").open("a") as config:
        config.write("['remote \"other\"']\n    url = elsewhere\n")
    set_remote(Path("."), "../shared")
    assert f"it was gs://wordbrush/{project.root.name}" in capsys.readouterr().out
    assert "other" in configured(project) and "endpointurl" not in configured(project)


def test_a_folder_works_too_and_stays_relative(project, tmp_path):
    set_remote(Path("."), "store")
    (tmp_path / "file").write_text("x")
    project.run("dvc", "add", "--quiet", "file")
    project.run("dvc", "push")
    assert "url = ../store" in configured(project) and list(
        (tmp_path / "store/files/md5").rglob("*")
    )


@pytest.mark.parametrize(
    ("location", "options", "words"),
    [
        ("gs://nowhere/dvc", (), "answered 404: there is no such bucket"),
        ("s3://bucket/x", None, "neither a folder nor gs://"),
        ("gs://", None, "names no bucket"),
        ("gs://wordbrush/x", ["credentialpath=key.json"], "credentialpath=key.json is unknown"),
        ("gs://wordbrush/x", ["projectname"], "each as NAME=VALUE"),
        ("folder", ["projectname=x"], "--option is for gs://"),
        ("", None, "is no path or address"),
        ("a\nb", None, "has a control character"),
        ("a{b}", None, "has braces in its path, which DVC cannot use"),
        ("a%(b)s", None, "DVC does not take the remote"),
        (os.fsdecode(b"a\xff"), None, "in its path that is no text in utf-8"),
    ],
)
def test_a_location_that_cannot_be_used_changes_nothing(
    project, bucket_server, location, options, words
):
    before = configured(project)
    with pytest.raises(WordbrushError, match=words) as caught:
        set_remote(Path("."), location, emulated(bucket_server) if options == () else options or ())
    assert "\n" not in str(caught.value) and configured(project) == before


@pytest.mark.parametrize(
    ("place", "url"),
    [
        ("été 東京", "../été 東京"),
        ("~/store", "{home}/store"),
        ("file://{home}/a%20b", "{home}/a b"),
        ('it\'s, "so" #1', '../it\'s, "so" #1'),
        ("[a]$=%s", "../[a]$=%s"),
    ],
)
def test_a_folder_may_have_any_name(project, monkeypatch, place, url):
    """DVC reads back what was written, and the rest of the file stays, comments too."""
    monkeypatch.setenv("HOME", home := str(project.root / "home"))
    with (project.root / ".dvc/config").open("a") as config:
        config.write("# mine\n['remote \"other\"']\n    url = elsewhere\n")
    set_remote(Path("."), place.format(home=home))
    found = Config.load_file(project.root / ".dvc/config")
    assert found["remote"]["wordbrush"] == {"url": url.format(home=home), "verify": "True"}
    assert found["core"]["remote"] == "wordbrush" and found["remote"]["other"]["url"] == "elsewhere"
    assert "# mine" in configured(project)


@pytest.mark.parametrize(
    ("fault", "words"),
    [(403, r"answered 403: .*storage\.objectAdmin"), (401, "needs Google credentials")],
)
def test_a_bucket_that_refuses_changes_nothing(project, bucket_server, fault, words):
    before, proxy = configured(project), Proxy(bucket_server)
    proxy.fault = fault
    with pytest.raises(WordbrushError, match=words):
        set_remote(Path("."), "gs://wordbrush/x", emulated(proxy.address))
    proxy.shutdown()
    proxy.server_close()
    assert configured(project) == before


def test_without_credentials_it_says_how_to_log_in(project):
    done = project.run(
        "wordbrush",
        "remote",
        "gs://wordbrush/x",
        check=False,
        NO_GCE_CHECK="true",
        HOME=str(project.root),
        GOOGLE_APPLICATION_CREDENTIALS="",
    )
    assert (
        "needs Google credentials" in one_sentence(done)
        and "Application Default Credentials" in done.stderr
    )


def test_a_folder_that_cannot_be_written_is_named(project):
    (project.root / "locked").mkdir(mode=0o555)
    done = subprocess.run(
        [WORDBRUSH, "remote", "locked/store"],
        cwd=project.root,
        text=True,
        capture_output=True,
        preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0),
    )
    assert "permission denied" in one_sentence(done) and "remote" not in configured(project)


def test_another_default_that_hides_it_is_named(project, tmp_path):
    (project.root / ".dvc/config.local").write_text(
        "[core]\n    remote = mine\n['remote \"mine\"']\n    url = elsewhere\n"
    )
    with pytest.raises(WordbrushError, match=r"makes mine the default all the same"):
        set_remote(Path("."), "store")


def test_outside_a_project_it_says_so(tmp_path):
    with pytest.raises(WordbrushError, match="is no DVC repository"):
        set_remote(tmp_path, str(tmp_path / "store"))


@pytest.fixture
def emulator() -> Iterator[str]:
    """A GCS emulator as its own process, with the bucket `shared`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("gcp-storage-emulator")),
        "start",
        "--host=127.0.0.1",
        f"--port={port}",
        "--in-memory",
        "--default-bucket=shared",
        "--quiet",
    ]
    process = subprocess.Popen(command)
    address = f"http://127.0.0.1:{port}"
    for _ in range(100):
        try:
            requests.get(address, timeout=1)
            break
        except requests.ConnectionError:
            time.sleep(0.1)
    yield address
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.faults
def test_what_one_clone_pushes_another_pulls(finished, emulator, tmp_path, monkeypatch):
    """Two git clones share one bucket: they have the same bytes, and nothing is left to run."""
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    shutil.copytree(finished.root, first.root)
    shutil.copy(ROOT / ".gitignore", first.root)
    first.run("git", "init", "--quiet")
    first.run("dvc", "config", "--unset", "core.no_scm")
    options = [f"--option={option}" for option in emulated(emulator)]
    first.run("wordbrush", "remote", "gs://shared/dvc", *options)
    first.run("dvc", "push", "--run-cache")
    first.run("git", "add", ".")
    first.run("git", "commit", "--quiet", "--message", "run")
    first.run("git", "clone", "--quiet", ".", str(second.root))
    assert not (second.root / "data").exists()
    second.run("dvc", "pull")
    assert second.hashes() == first.hashes() == finished.hashes()
    for path in second.hashes():
        for one in [
            file for file in (first.root / path, *(first.root / path).rglob("*")) if file.is_file()
        ]:
            assert (second.root / one.relative_to(first.root)).read_bytes() == one.read_bytes()
    assert "up to date" in second.run("dvc", "status").stdout
    assert "in sync" in second.run("dvc", "status", "--cloud").stdout
    assert "38 of 38 whole" in second.run("wordbrush", "doctor").stdout
    # only the configuration leads to the bucket
    assert os.environ.get("STORAGE_EMULATOR_HOST") is None
