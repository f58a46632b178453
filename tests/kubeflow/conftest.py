"""A Kubeflow server, and a connection and a small pipeline for it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from kfp import compiler, dsl, kubernetes
from pydantic import SecretStr

from tests.kfp_server import Server, serving
from wordbrush.kubeflow.server.connection import Connection
from wordbrush.kubeflow.server.credentials import Credentials, Secret

TOKEN = "secret-token-123"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as state:
        yield state


@pytest.fixture
def connection(server: Server) -> Connection:
    """With a token, and as the account that runs need."""
    credentials = Credentials((Secret("WORDBRUSH_KFP_TOKEN", SecretStr(TOKEN)),))
    return Connection(server.host, "kubeflow", "wordbrush", None, "runner", credentials)


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compiled pipeline of one task."""

    @dsl.component(base_image="image:1", install_kfp_package=False)
    def work() -> None:
        pass

    @dsl.pipeline(name="small")
    def small() -> None:
        kubernetes.add_pod_label(work(), "part-of", "wordbrush")

    target = tmp_path_factory.mktemp("package") / "pipeline.yaml"
    compiler.Compiler().compile(small, str(target))
    return target
