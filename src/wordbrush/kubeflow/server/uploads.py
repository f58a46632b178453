"""Versions of the pipeline on a server, from which people start runs in its UI.

A version has no parameters: all that decides results is compiled in, so no result escapes its key.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import kfp_server_api
from kfp_server_api import models

from wordbrush.kubeflow.server.api import Api
from wordbrush.kubeflow.server.client import by_name
from wordbrush.kubeflow.server.connection import Connection

DIGEST = 6  # characters of the hash of a compiled pipeline


class Version(NamedTuple):
    """A version on the server. new: whether it was not there before."""

    pipeline: str
    version: str
    new: bool


def version_name(name: str, package: Path) -> str:
    """A name that says what the version is, and differs where anything in the pipeline does."""
    return f"{name}-{hashlib.sha256(package.read_bytes()).hexdigest()[:DIGEST]}"


def upload(
    api: Api, connection: Connection, package: Path, pipeline: str, version: str, description: str
) -> Version:
    """Upload a compiled pipeline as a version of `pipeline`, unless one of this name is there.

    api: of connect_to_run.
    """
    found = pipeline_id(api, connection.namespace, pipeline)
    known = kfp_server_api.PipelineServiceApi(api).pipeline_service_list_pipeline_versions(
        found, filter=by_name(version)
    )
    for one in known.pipeline_versions or []:
        if one.display_name == version:
            return Version(found, api.id_in(one, "pipeline_version_id"), new=False)
    made = kfp_server_api.PipelineUploadServiceApi(api).upload_pipeline_version(
        str(package), name=version, pipelineid=found, description=description
    )
    return Version(found, api.id_in(made, "pipeline_version_id"), new=True)


def pipeline_id(api: Api, namespace: str, name: str) -> str:
    """The id of the pipeline of this name; where there is none, one without versions is made."""
    service = kfp_server_api.PipelineServiceApi(api)
    answer = service.pipeline_service_list_pipelines(filter=by_name(name), namespace=namespace)
    found = [one for one in answer.pipelines or [] if one.display_name == name]
    if not found:
        new = models.V2beta1Pipeline(display_name=name, name=name, namespace=namespace)
        found = [service.pipeline_service_create_pipeline(new)]
    return api.id_in(found[0], "pipeline_id")
