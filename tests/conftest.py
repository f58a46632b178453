"""Shared ground of the tests: one thread, the repository's own files, a finished `tiny` run."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.workspace import Workspace
from wordbrush import params as parameters

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def tiny() -> parameters.Params:
    """The validated `tiny` parameters."""
    base = parameters.read_yaml(ROOT / "params.yaml")
    changes = parameters.read_yaml(ROOT / "presets/tiny.yaml")
    return parameters.parse(parameters.merge(base, changes), "tiny")


@pytest.fixture(scope="session")
def demo() -> parameters.Params:
    """The validated parameters as committed."""
    return parameters.load(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Workspace]:
    """Two workspaces, each with its own cache, in which `dvc repro` ran every stage on `tiny`, side by side."""
    pair = tuple(Workspace.create(tmp_path_factory.mktemp(name), ROOT) for name in ("first", "second"))
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda workspace: workspace.run("dvc", "repro"), pair))
    return pair


@pytest.fixture(scope="session")
def finished(two_runs: tuple[Workspace, Workspace]) -> Workspace:
    """A workspace in which every stage ran on `tiny`. Tests read it and do not write to it."""
    return two_runs[0]
