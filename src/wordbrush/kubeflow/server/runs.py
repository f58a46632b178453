"""Runs on a Kubeflow Pipelines server: found by a beginning of their id, listed, ended."""

import json
import re
from collections.abc import Iterable
from itertools import islice
from typing import Any

import kfp_server_api
from kfp_server_api import models

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server.api import Api
from wordbrush.kubeflow.server.client import DONE, look_at
from wordbrush.kubeflow.server.connection import Connection
from wordbrush.kubeflow.server.progress import age, state_of, table

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # what ids of Kubeflow are
PAGE = 20  # runs in one answer, each with its whole pipeline
SHORT = 8  # characters of an id, if that is enough to tell runs apart
CANDIDATES = 5  # shown of those that a beginning may mean


def find(api: Api, connection: Connection, beginning: str) -> str:
    """The id of the one run that begins so. A whole id is not looked up.

    Raises WordbrushError: there is none in the namespace, or several, which are listed.
    """
    if UUID.fullmatch(beginning):
        return beginning
    predicate = {"operation": "IS_SUBSTRING", "key": "run_id", "stringValue": beginning}
    wanted = json.dumps({"predicates": [predicate]})
    runs = [
        run
        for run in _newest(api, connection, filter=wanted)
        if _id(api, run).startswith(beginning)
    ]
    if not runs:
        raise WordbrushError(
            f"{connection.host}: no run in the namespace {connection.namespace} begins with "
            f"{beginning}: `python pipeline.py list` shows those that exist."
        )
    if len(runs) > 1 and beginning not in [run.run_id for run in runs]:
        shown = ", ".join(
            f"{run.run_id} ({api.clean(run.display_name)})" for run in runs[:CANDIDATES]
        )
        more = f" and {len(runs) - CANDIDATES} more" if len(runs) > CANDIDATES else ""
        raise WordbrushError(f"{beginning} may be any of {shown}{more}: give more of the id.")
    return beginning if len(runs) > 1 else str(runs[0].run_id)


def list_runs(api: Api, connection: Connection, limit: int) -> list[str]:
    """The newest runs of the namespace, a line each: short id, name, state, age, description."""
    runs = list(islice(_newest(api, connection), limit))
    beginnings = shortest([_id(api, run) for run in runs])
    rows = [
        (
            short,
            api.clean(run.display_name),
            state_of(api, run),
            age(run),
            api.clean(run.description or ""),
        )
        for short, run in zip(beginnings, runs, strict=True)
    ]
    return table(rows)


def shortest(ids: list[str]) -> list[str]:
    """The beginning of each id, SHORT or as long as it takes to tell it from the others."""
    beginnings = []
    for one in ids:
        length = SHORT
        while sum(other.startswith(one[:length]) for other in ids) > 1 and length < len(one):
            length += 1
        beginnings.append(one[:length])
    return beginnings


def cancel(api: Api, run: str) -> bool:
    """Ask for the end of a run. False: it has ended already."""
    if look_at(api, run).state in DONE:
        return False
    kfp_server_api.RunServiceApi(api).run_service_terminate_run(run)
    return True


def _newest(api: Api, connection: Connection, **wanted: Any) -> Iterable[models.V2beta1Run]:
    ask = kfp_server_api.RunServiceApi(api).run_service_list_runs
    order = "created_at desc"
    return api.pages(ask, "runs", PAGE, namespace=connection.namespace, sort_by=order, **wanted)


def _id(api: Api, run: models.V2beta1Run) -> str:
    return api.id_in(run, "run_id")
