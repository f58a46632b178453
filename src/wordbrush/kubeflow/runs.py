"""Runs on a Kubeflow Pipelines server: found by a beginning of their id, listed, described, ended.

The rules about the server are read from kubeflow/pipelines 2.17.0. A stage is a DAG of Argo with a
driver beside it, so a run's tasks are `train-gan`, `train-gan-driver` and many `executor`. An
answer names no pods; kubectl finds them by their labels.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import kfp_server_api
from kfp_server_api import models

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.api import Api
from wordbrush.kubeflow.client import DONE, look_at
from wordbrush.kubeflow.connection import Connection
from wordbrush.kubeflow.pools import STAGE_LABEL, stage_label

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # what ids of Kubeflow are
PAGE = 20  # runs in one answer, each with its whole pipeline
SHORT = 8  # characters of an id, if that is enough to tell runs apart
CANDIDATES = 5  # shown of those that a beginning may mean
RUN_LABEL = "pipeline/runid"  # on every pod of a run (backend/src/apiserver/template)
DRIVER = "-driver"
WAITING, FAILED = "waiting", "failed"


@dataclass(frozen=True)
class Stage:
    """A stage of a run. seconds: since its start, up to its end; None before that."""

    name: str
    state: str
    started: datetime | None = None
    seconds: float | None = None


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
            f"{duration(_since(run.created_at))} ago" if moment(run.created_at) else "",
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


def describe(api: Api, run: models.V2beta1Run) -> list[str]:
    """What a run does now: a line about it, and one for each of its stages."""
    took = _seconds(run.created_at, run.finished_at)
    head = f"{run.run_id}  {api.clean(run.display_name)}  {state_of(api, run)}"
    lines = [head if took is None else f"{head}  {duration(took)}"]
    if run.error and run.error.message:
        lines.append(api.clean(run.error.message))
    rows = [
        (stage.name, stage.state, "" if stage.seconds is None else duration(stage.seconds))
        for stage in stages_of(api, run)
    ]
    return [*lines, *table(rows)]


def failures(api: Api, run: models.V2beta1Run) -> list[str]:
    """The stages of a run that failed, with the command that shows what each printed."""
    failed = [stage.name for stage in stages_of(api, run) if stage.state == FAILED]
    short = str(run.run_id)[:SHORT]
    lines = [
        f"{name} failed. What it printed: `python pipeline.py logs {short} {name}`."
        for name in failed
    ]
    if run.error and run.error.message:
        lines.append(f"The server says: {api.clean(run.error.message)}")
    return lines or [f"`python pipeline.py status {short}` shows its stages."]


def cancel(api: Api, run: str) -> bool:
    """Ask for the end of a run. False: it has ended already."""
    if look_at(api, run).state in DONE:
        return False
    kfp_server_api.RunServiceApi(api).run_service_terminate_run(run)
    return True


def stages_of(api: Api, run: models.V2beta1Run) -> list[Stage]:
    """The stages of a run in the order of their starts; those that wait come last."""
    details = run.run_details and run.run_details.task_details
    tasks = {task.display_name: task for task in details or [] if task.display_name}
    begun = [n.removesuffix(DRIVER) for n in tasks if n.endswith(DRIVER) and n != f"root{DRIVER}"]
    names = {name: name for name in begun} | _named(run)
    found = [_stage(api, shown, tasks, name) for name, shown in names.items()]
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda stage: (stage.started or last, stage.name))


def _named(run: models.V2beta1Run) -> dict[str, str]:
    """The stages that a run's pipeline has, by the name of their task. Empty: it does not say."""
    try:
        spec = run.pipeline_spec.get("pipeline_spec", run.pipeline_spec)
        tasks = spec["root"]["dag"]["tasks"]
        return {str(name): str(task["taskInfo"]["name"]) for name, task in tasks.items()}
    except (AttributeError, KeyError, TypeError):
        return {}


def _stage(api: Api, shown: str, tasks: dict[str, Any], name: str) -> Stage:
    """A stage by its own task and that of its driver."""
    own, driver = tasks.get(name), tasks.get(f"{name}{DRIVER}")
    if driver is not None and driver.state == "FAILED":
        own = driver
    task = own or driver
    if task is None:
        return Stage(api.clean(shown), WAITING)
    started = moment(task.start_time)
    seconds = _seconds(task.start_time, task.end_time)
    # the driver alone has begun: the stage itself has yet to start
    state = WAITING if own is None else state_of(api, task)
    return Stage(api.clean(shown), state, started, seconds)


def state_of(api: Api, thing: Any) -> str:
    """The state of a run or task, as people read it."""
    state = api.clean(thing.state or "PENDING").lower()
    # what Argo omits, since a stage before it failed, has no state of its own in KFP
    return "not run" if state == "runtime_state_unspecified" else state


def moment(time: datetime | None) -> datetime | None:
    """A time of the server; what has not happened has the year 1 or 1970 there."""
    return time if time and time.year > 1970 else None


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    """Between two times of the server, or up to now; None before the first."""
    begun, ended = moment(start), moment(end)
    if begun is None:
        return None
    return ((ended or datetime.now(UTC)) - begun).total_seconds()


def _since(time: datetime) -> float:
    return (datetime.now(UTC) - time).total_seconds()


def duration(seconds: float) -> str:
    """As people say it: 40 s, 12 min, 3 h 05 min, 4 d."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return f"{minutes // (24 * 60)} d"


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows in columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def log_command(connection: Connection, run: str, stage: str, follow: bool = False) -> list[str]:
    """The command of kubectl that shows what the pods of a stage printed.

    KFP's own address for logs wants the name of a pod, which its answers about runs do not tell.
    """
    selector = f"{RUN_LABEL}={run},{STAGE_LABEL}={stage_label(stage)}"
    return [
        *("kubectl", "logs", f"--namespace={connection.namespace}", f"--selector={selector}"),
        *("--container=main", "--tail=-1", "--prefix"),  # --selector alone shows ten lines
        *(["--follow"] if follow else []),
    ]


def chosen_stages(api: Api, run: models.V2beta1Run, wanted: str | None) -> list[str]:
    """The stage of this name, or those that failed, or else those that run.

    Raises WordbrushError: there is no such stage.
    """
    stages = stages_of(api, run)
    names = [stage.name for stage in stages]
    if wanted is not None:
        if wanted not in names:
            raise WordbrushError(f"the run has no stage {wanted}; it has {', '.join(names)}.")
        return [wanted]
    for state in (FAILED, "running"):
        if found := [stage.name for stage in stages if stage.state == state]:
            return found
    raise WordbrushError(f"no stage failed or runs: name one of {', '.join(names)}.")


def _newest(api: Api, connection: Connection, **wanted: Any) -> Iterable[models.V2beta1Run]:
    ask = kfp_server_api.RunServiceApi(api).run_service_list_runs
    order = "created_at desc"
    return api.pages(ask, "runs", PAGE, namespace=connection.namespace, sort_by=order, **wanted)


def _id(api: Api, run: models.V2beta1Run) -> str:
    return api.id_in(run, "run_id")
