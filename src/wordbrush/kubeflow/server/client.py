"""Runs on a Kubeflow Pipelines server, through kfp's own client (api.py).

Faults of the server become one clear sentence.
"""

import json
import re
import time
from pathlib import Path
from typing import Any

import kfp_server_api
from google.protobuf.json_format import MessageToDict
from kfp import components
from kfp_server_api import models

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.groups import identifier
from wordbrush.kubeflow.compiler.plan import LAST
from wordbrush.kubeflow.compiler.spec import leaves, unwrapped
from wordbrush.kubeflow.server.api import Api, Patience
from wordbrush.kubeflow.server.backend import healthz, require_version
from wordbrush.kubeflow.server.connection import Connection

PATIENCE = 600.0  # seconds that a server may be in trouble while a run is followed
DONE = ("SUCCEEDED", "FAILED", "SKIPPED", "CANCELED", "ERROR")


def make_api(connection: Connection) -> Api:
    """A client; nothing is sent yet."""
    return Api(connection.host, connection.credentials)


def connect(connection: Connection) -> Api:
    """A client of a server that answers as Kubeflow Pipelines does."""
    api = make_api(connection)
    healthz(api)
    return api


def connect_to_run(connection: Connection) -> Api:
    """A client of a server that can read what we compile.

    Raises WordbrushError: it is too old.
    """
    api = make_api(connection)
    require_version(api, healthz(api))
    return api


def submit(
    api: Api, connection: Connection, package: Path, name: str, description: str = ""
) -> str:
    """Start a run of a compiled pipeline. Returns its id. api: of connect_to_run."""
    run = models.V2beta1Run(
        experiment_id=experiment_id(api, connection),
        display_name=name,
        description=description,
        pipeline_spec=pipeline_spec(package),
        runtime_config=runtime_config(connection),
        service_account=connection.service_account,
    )
    return api.id_in(kfp_server_api.RunServiceApi(api).run_service_create_run(run), "run_id")


def pipeline_spec(package: Path) -> dict[str, Any]:
    """Both documents of a compiled pipeline, as a server takes them."""
    compiled = components.load_component_from_file(str(package))
    return {
        "pipeline_spec": MessageToDict(compiled.pipeline_spec),
        "platform_spec": MessageToDict(compiled.platform_spec),
    }


def runtime_config(connection: Connection) -> models.V2beta1RuntimeConfig:
    """What a run has beside its pipeline, which takes no parameters."""
    return models.V2beta1RuntimeConfig(parameters={}, pipeline_root=connection.pipeline_root)


def experiment_id(api: Api, connection: Connection) -> str:
    """The id of the connection's experiment, which is created if it does not exist."""
    experiments = kfp_server_api.ExperimentServiceApi(api)
    name, namespace = connection.experiment, connection.namespace
    answer = experiments.experiment_service_list_experiments(
        filter=by_name(name), namespace=namespace
    )
    found = [one for one in answer.experiments or [] if one.display_name == name]
    if not found:
        new = models.V2beta1Experiment(display_name=name, namespace=namespace)
        found = [experiments.experiment_service_create_experiment(new)]
    return api.id_in(found[0], "experiment_id")


def wait(
    connection: Connection, run: str, every: float, patience: float = PATIENCE
) -> models.V2beta1Run:
    """Follow a run to its end, looking every so many seconds. Returns it as it is then.

    patience: seconds that the server may be in trouble at a time.
    Raises WordbrushError: it is for longer, or does not know the run.
    """
    api, before, trouble = make_api(connection), "", Patience(patience)
    while True:
        answer = trouble.ask(lambda: look_at(api, run))
        state = answer.state or "PENDING"
        if state != before:
            print(f"{run}: {state.lower()}", flush=True)
        if state in DONE:
            return answer
        before = state
        time.sleep(every)


def look_at(api: Api, run: str) -> models.V2beta1Run:
    """A run as it is now."""
    answer = kfp_server_api.RunServiceApi(api).run_service_get_run(run)
    api.id_in(answer, "run_id")
    if answer.state is not None:
        api.id_in(answer, "state")
    return answer


def report_key(api: Api, run: str) -> str:
    """The key of a finished run's last stage, read from the pipeline that the run was made of.

    Raises WordbrushError: the run is not finished, or is of another pipeline.
    """
    answer = look_at(api, run)
    if answer.state != "SUCCEEDED":
        raise WordbrushError(
            f"the run {run} is {(answer.state or 'pending').lower()}: "
            "only a finished one can be adopted."
        )
    try:
        return key_of(pipeline_of(api, answer), LAST)
    except (AttributeError, KeyError, TypeError):
        raise WordbrushError(
            f"the run {run} is not one of this pipeline: it has no stage report."
        ) from None


def pipeline_of(api: Api, run: models.V2beta1Run) -> dict[str, Any]:
    """The spec of a run's pipeline: its own or, where the UI started it, that of a version.

    Empty where the run names neither. Raises WordbrushError: the version is gone.
    """
    spec, reference = run.pipeline_spec, run.pipeline_version_reference
    if not spec and reference is not None:
        pipeline, version = (
            api.id_in(reference, field) for field in ("pipeline_id", "pipeline_version_id")
        )
        service = kfp_server_api.PipelineServiceApi(api)
        spec = service.pipeline_service_get_pipeline_version(pipeline, version).pipeline_spec
    return unwrapped(spec or {})


def key_of(spec: dict[str, Any], stage: str) -> str:
    """The key that was compiled into a stage's task, or into that of the stage's group.

    Raises AttributeError, KeyError, TypeError: there is none.
    """
    in_group = f"{identifier(stage)}_key"
    for leaf in leaves(spec):
        key = leaf.parameters.get("key" if leaf.shown == stage else in_group)
        if key is None:
            continue
        if not re.fullmatch(r"[0-9a-f]+", key):  # it becomes a part of a path
            raise KeyError(key)
        return key
    raise KeyError(stage)


def by_name(name: str) -> str:
    """A filter of lists."""
    predicate = {"operation": "EQUALS", "key": "display_name", "stringValue": name}
    return json.dumps({"predicates": [predicate]})
