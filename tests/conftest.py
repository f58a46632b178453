"""Fixtures of all tests: parameters, storage, and finished runs of `tiny`."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from filelock import FileLock

from tests.kfp_server import pipeline
from tests.workspace import Workspace
from wordbrush import params as parameters
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.versioning.environment import RemoteConfig

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tiny() -> parameters.Params:
    """The validated `tiny` parameters."""
    base = read_yaml(ROOT / "params.yaml")
    changes = read_yaml(ROOT / "presets/tiny.yaml")
    return parameters.parse(merge(base, changes), "tiny")


@pytest.fixture(scope="session")
def demo() -> parameters.Params:
    """The validated parameters as committed."""
    return parameters.load(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[str]:
    """The address of a GCS emulator with the bucket `wordbrush`."""
    from gcp_storage_emulator.server import create_server

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="wordbrush")
    server.start()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="session", autouse=True)
def long_runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future]]:
    """The two runs from scratch that the chosen tests need, started beside the other tests."""
    starters = {"finished": finished_run, "from_scratch": scratch_run}
    needed = {name for item in request.session.items for name in item.fixturenames} & set(starters)
    with ThreadPoolExecutor() as pool:
        yield {
            name: pool.submit(once, shared_folder(tmp_path_factory) / name, starters[name])
            for name in sorted(needed)
        }


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """The temporary folder of this run of pytest, which all its processes share.

    Or TEST_RUNS, which several runs of pytest on the same code may share.
    """
    if given := os.environ.get("TEST_RUNS"):
        return Path(given)
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder that the first process to come here has made; the others wait for it."""
    whole = folder.with_name(f"{folder.name}.whole")
    with FileLock(f"{folder}.lock"):
        if not whole.exists():
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


def finished_run(folder: Path) -> None:
    Workspace.create(folder, ROOT).run("dvc", "repro")


def scratch_run(folder: Path) -> None:
    done = pipeline("run", "--preset", "tiny", cwd=folder, WORDBRUSH_CACHE=str(folder / "cache"))
    assert done.returncode == 0, done.stdout + done.stderr
    log = folder / ".wordbrush/kfp/run.log"
    (folder / "log").write_text(log.read_text(encoding="utf-8"), encoding="utf-8")


@pytest.fixture(scope="session")
def finished(long_runs: dict[str, Future], tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which `dvc repro` ran every stage on `tiny`. Tests only read it.

    Each process of pytest has its own copy, so that two never run DVC in one folder.
    """
    folder = tmp_path_factory.mktemp("finished") / "workspace"
    return Workspace(shutil.copytree(long_runs["finished"].result(), folder, symlinks=True))


@pytest.fixture(scope="session")
def pushed(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> RemoteConfig:
    """A remote with the artifacts of the finished run."""
    folder = tmp_path_factory.mktemp("pushed")
    workspace = Workspace(folder / "workspace")
    shutil.copytree(finished.root, workspace.root)
    workspace.run("dvc", "remote", "add", "-d", "shared", str(folder / "remote"))
    workspace.run("dvc", "push")
    return RemoteConfig(str(folder / "remote"))


@pytest.fixture(scope="session")
def from_scratch(long_runs: dict[str, Future]) -> tuple[Path, str]:
    """A folder in which the local runner ran every stage on `tiny`, and the log.

    It has its own cache and remote.
    """
    folder = long_runs["from_scratch"].result()
    return folder, (folder / "log").read_text()
