"""What a run on a Kubeflow Pipelines server does: its stages, how long they take, their logs.

The rules about the server are read from kubeflow/pipelines 2.17.0. A stage is a DAG of Argo with a
driver beside it, so a run's tasks are `train-gan`, `train-gan-driver` and many `executor`. An
answer names no pods; kubectl finds them by their labels.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kfp_server_api import models

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.pools import STAGE_LABEL, stage_label
from wordbrush.kubeflow.compiler.spec import leaves
from wordbrush.kubeflow.durations import duration
from wordbrush.kubeflow.server.api import Api, Unavailable
from wordbrush.kubeflow.server.client import pipeline_of
from wordbrush.kubeflow.server.connection import Connection

RUN_LABEL = "pipeline/runid"  # on every pod of a run (backend/src/apiserver/template)
LABELS = f".metadata.labels.{STAGE_LABEL}"  # of a pod, as kubectl's jsonpath finds it
PODS = 50  # that kubectl follows at once; by itself it refuses more than five
DRIVER = "-driver"
WAITING, FAILED = "waiting", "failed"


@dataclass(frozen=True)
class Stage:
    """A stage of a run. seconds: since its start, up to its end; None before that."""

    name: str
    state: str
    started: datetime | None = None
    seconds: float | None = None


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


def failures(api: Api, run: models.V2beta1Run, short: str) -> list[str]:
    """The stages of a run that failed, with the command that shows what each printed.

    short: a beginning of the run's id.
    """
    failed = [stage.name for stage in stages_of(api, run) if stage.state == FAILED]
    lines = [
        f"{name} failed. What it printed: `python pipeline.py logs {short} {name}`."
        for name in failed
    ]
    if run.error and run.error.message:
        lines.append(f"The server says: {api.clean(run.error.message)}")
    return lines or [f"`python pipeline.py status {short}` shows its stages."]


def stages_of(api: Api, run: models.V2beta1Run) -> list[Stage]:
    """The stages of a run in the order of their starts; those that wait come last."""
    details = run.run_details and run.run_details.task_details
    tasks = {task.display_name: task for task in details or [] if task.display_name}
    begun = [n.removesuffix(DRIVER) for n in tasks if n.endswith(DRIVER) and n != f"root{DRIVER}"]
    names: dict[str, str | None] = {name: name for name in begun}
    names |= _named(api, run)
    found = [_stage(api, shown, tasks, name) for name, shown in names.items() if shown is not None]
    last = datetime.max.replace(tzinfo=UTC)
    return sorted(found, key=lambda stage: (stage.started or last, stage.name))


def _named(api: Api, run: models.V2beta1Run) -> dict[str, str | None]:
    """The stages that a run's pipeline has, by the name of their task. Empty: nobody knows.

    A group of stages, such as those behind a condition, has None.
    """
    try:
        found = leaves(pipeline_of(api, run))
        groups: dict[str, str | None] = {name: None for leaf in found for name in leaf.within}
        return groups | {leaf.name: leaf.shown for leaf in found}
    except (AttributeError, KeyError, TypeError):  # somebody else's pipeline
        return {}
    except Unavailable:
        raise
    except WordbrushError:  # the version was deleted
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


def age(run: models.V2beta1Run) -> str:
    """How long ago a run was made; "" where the server does not say."""
    seconds = _seconds(run.created_at, None)
    return "" if seconds is None else f"{duration(seconds)} ago"


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows in columns."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def log_commands(
    connection: Connection, run: str, stages: Iterable[str], goes_on: bool = False
) -> tuple[list[str], list[str]]:
    """kubectl's commands that say which of the stages have pods, and show what these printed.

    The first prints the value of STAGE_LABEL of each pod, with spaces between.
    KFP's own address for logs wants the name of a pod, which its answers about runs do not tell.
    """
    labels = ",".join(stage_label(stage) for stage in stages)
    pods = [
        f"--namespace={connection.namespace}",
        f"--selector={RUN_LABEL}={run},{STAGE_LABEL} in ({labels})",
    ]
    found = ["kubectl", "get", "pods", *pods, f"--output=jsonpath={{.items[*]{LABELS}}}"]
    shown = [
        *("kubectl", "logs", *pods),
        *("--container=main", "--tail=-1", "--prefix"),  # --selector alone shows ten lines
        *(["--follow", f"--max-log-requests={PODS}"] if goes_on else []),
    ]
    return found, shown


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
