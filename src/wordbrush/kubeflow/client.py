"""A Kubeflow Pipelines server and its runs, through kfp's own client.

Faults of the server become one clear sentence.
"""

import os
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kfp
import kfp_server_api
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_validator
from urllib3.exceptions import HTTPError

from wordbrush.errors import WordbrushError

ADVICE = {
    401: "it refused the credentials: set WORDBRUSH_KFP_TOKEN or WORDBRUSH_KFP_TOKEN_FILE",
    403: "these credentials may not do that: ask for the role, or name another --namespace",
    404: "it does not know that: check the name, the run's id and the --host",
}
PATIENCE = 10  # seconds for the first answer
DONE = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR")


class Connection(BaseModel):
    """Where the server is, and as whom to speak to it.

    The token comes from the environment alone and is never shown.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str
    namespace: str
    experiment: str
    pipeline_root: str | None
    service_account: str | None
    token: SecretStr | None

    @field_validator("host")
    @classmethod
    def _url(cls, host: str) -> str:
        if not host.startswith(("http://", "https://")):
            raise ValueError(f"--host {host!r} is not a URL; an example: http://localhost:8080")
        return host.rstrip("/")


def make_connection(
    host: str,
    namespace: str,
    experiment: str,
    pipeline_root: str | None = None,
    service_account: str | None = None,
) -> Connection:
    """A connection with the token of the environment. Raises WordbrushError: the host is no URL."""
    try:
        return Connection(
            host=host,
            namespace=namespace,
            experiment=experiment,
            pipeline_root=pipeline_root,
            service_account=service_account,
            token=token_from_environment(),
        )
    except ValidationError as error:
        raise WordbrushError(
            "; ".join(fault["msg"].removeprefix("Value error, ") for fault in error.errors())
        ) from None


def token_from_environment() -> SecretStr | None:
    """WORDBRUSH_KFP_TOKEN, or the content of the file that WORDBRUSH_KFP_TOKEN_FILE names."""
    token, file = os.environ.get("WORDBRUSH_KFP_TOKEN"), os.environ.get("WORDBRUSH_KFP_TOKEN_FILE")
    if not token and file:
        try:
            token = Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise WordbrushError(
                f"WORDBRUSH_KFP_TOKEN_FILE: {file} is not readable ({error.strerror})."
            ) from None
    return SecretStr(token) if token else None


@contextmanager
def faults(host: str) -> Iterator[None]:
    """Turn what client and network raise into a WordbrushError."""
    try:
        yield
    except (kfp_server_api.ApiException, urllib.error.HTTPError) as error:
        reason = ADVICE.get(
            error.status or 0,
            f"it answered {error.status} {error.reason}: see the server's log, and try again later",
        )
        raise WordbrushError(f"{host}: {reason}.") from None
    except (urllib.error.URLError, HTTPError, OSError) as error:
        cause = getattr(error, "reason", error)
        raise WordbrushError(
            f"{host} does not answer ({cause}): check --host, or start the port-forward."
        ) from None


def connect(connection: Connection) -> kfp.Client:
    """A client of a server that answers."""
    token = connection.token.get_secret_value() if connection.token else None
    request = urllib.request.Request(
        f"{connection.host}/apis/v2beta1/healthz",
        headers={"Authorization": f"Bearer {token}"} if token else {},
    )
    with faults(connection.host):
        # the client itself would try for half a minute
        urllib.request.urlopen(request, timeout=PATIENCE).close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return kfp.Client(
                host=connection.host, namespace=connection.namespace, existing_token=token
            )


def submit(connection: Connection, package: Path, name: str) -> str:
    """Start a run of a compiled pipeline. Returns its id."""
    client = connect(connection)
    with faults(connection.host):
        run = client.create_run_from_pipeline_package(
            str(package),
            arguments={},
            run_name=name,
            experiment_name=connection.experiment,
            namespace=connection.namespace,
            pipeline_root=connection.pipeline_root,
            service_account=connection.service_account,
        )
    return run.run_id


def wait(connection: Connection, run: str, every: float) -> str:
    """Follow a run to its end, looking every so many seconds. Returns its last state."""
    client, before = connect(connection), ""
    while True:
        with faults(connection.host):
            state = client.get_run(run).state or "PENDING"
        if state != before:
            print(f"{run}: {state.lower()}", flush=True)
        if state in DONE:
            return state
        before = state
        time.sleep(every)


def report_key(connection: Connection, run: str) -> str:
    """The key of a finished run's last stage, read from the pipeline that the run was made of.

    Raises WordbrushError: the run is not finished, or is of another pipeline.
    """
    client = connect(connection)
    with faults(connection.host):
        answer = client.get_run(run)
    if answer.state != "SUCCEEDED":
        raise WordbrushError(
            f"the run {run} is {(answer.state or 'pending').lower()}: "
            "only a finished one can be adopted."
        )
    spec = answer.pipeline_spec or {}
    try:
        return key_of(spec.get("pipeline_spec", spec), "report")
    except (KeyError, TypeError):
        raise WordbrushError(
            f"the run {run} is not one of this pipeline: it has no stage report."
        ) from None


def key_of(spec: dict[str, Any], task: str) -> str:
    """The key that was compiled into a task."""
    inputs = spec["root"]["dag"]["tasks"][task]["inputs"]
    return inputs["parameters"]["key"]["runtimeValue"]["constant"]
