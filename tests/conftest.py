"""Shared ground of the tests: one thread, the repository's own files, a finished `tiny` run."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

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
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which `dvc repro` ran every stage on `tiny`. Tests read it and do not write to it."""
    workspace = Workspace.create(tmp_path_factory.mktemp("finished"), ROOT)
    workspace.run("dvc", "repro", "--quiet")
    return workspace
