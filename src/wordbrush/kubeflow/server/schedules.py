"""Recurring runs on a Kubeflow Pipelines server: one for each name, by a cron expression."""

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

from kfp_server_api import RecurringRunServiceApi, models

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.server.api import Api
from wordbrush.kubeflow.server.client import (
    by_name,
    connect,
    experiment_id,
    pipeline_spec,
    runtime_config,
)
from wordbrush.kubeflow.server.connection import Connection
from wordbrush.kubeflow.server.cron import Cron, check_cron, next_times, parse_cron

PAGE = 100  # schedules in one answer
SHOWN = 3  # of the times to come
# What a trigger of another client may lead to, which nobody checked.
UNUSABLE = (AttributeError, TypeError, ValueError, OverflowError)


def schedule(
    api: Api, connection: Connection, package: Path, name: str, cron: str, description: str = ""
) -> str:
    """Create the recurring run, then delete those that had its name. Returns its id.

    One run goes at a time, and runs that were missed are not made up for. api: of connect_to_run.
    """
    service = RecurringRunServiceApi(api)
    run = models.V2beta1RecurringRun(
        display_name=name,
        description=description,
        experiment_id=experiment_id(api, connection),
        pipeline_spec=pipeline_spec(package),
        runtime_config=runtime_config(connection),
        service_account=connection.service_account,
        trigger=models.V2beta1Trigger(
            cron_schedule=models.V2beta1CronSchedule(cron=check_cron(cron))
        ),
        mode=models.RecurringRunMode.ENABLE,
        max_concurrency=1,
        no_catchup=True,
    )
    before = [api.id_in(old, "recurring_run_id") for old in recurring(api, connection, name)]
    made = api.id_in(service.recurring_run_service_create_recurring_run(run), "recurring_run_id")
    for old in before:
        service.recurring_run_service_delete_recurring_run(old)
    return made


def manage(connection: Connection, action: str, name: str) -> list[str]:
    """`list` all schedules, or `pause`, `resume` or `delete` those of a name. Returns what to say.

    Raises WordbrushError: there is none of that name.
    """
    if action == "list":
        lines = list_schedules(connection)
        return [*lines, f"{len(lines)} schedules in {connection.namespace}."]
    count = change_schedule(connection, name, action)
    return [f"{name}: {count} schedule(s), {action} done."]


def list_schedules(connection: Connection) -> list[str]:
    """The schedules of the namespace: id, name, when, state, and on a second line what comes."""
    api, now, lines = connect(connection), datetime.now(UTC), []
    for run in recurring(api, connection):
        lines.append(
            f"{api.id_in(run, 'recurring_run_id')}  {api.clean(run.display_name)}  "
            f"{api.clean(when(run))}  {api.clean(run.status or '').lower()}{upcoming(run, now)}"
        )
    return lines


def when(run: models.V2beta1RecurringRun) -> str:
    """A cron expression, or the interval that other clients may set instead."""
    trigger = run.trigger or models.V2beta1Trigger()
    if trigger.cron_schedule:
        return trigger.cron_schedule.cron
    if trigger.periodic_schedule:
        return f"every {trigger.periodic_schedule.interval_second} s"
    return "never"


def upcoming(run: models.V2beta1RecurringRun, now: datetime) -> str:
    """A line of the next times, where a recurring run, which others may have made, has such."""
    if run.status == "ENABLED":
        with suppress(WordbrushError, *UNUSABLE):
            return f"\n  {shown(times_of(run, now))}"
    return ""


def times_of(run: models.V2beta1RecurringRun, now: datetime) -> Iterator[datetime]:
    """The times to come of a recurring run, by its trigger.

    Raises WordbrushError, or one of UNUSABLE: nothing can be made of that.
    """
    trigger = run.trigger or models.V2beta1Trigger()
    given = trigger.cron_schedule or trigger.periodic_schedule
    if given is None:
        raise ValueError("it is started by hand alone")
    if trigger.cron_schedule:
        cron = parse_cron(given.cron)
    else:
        cron = Cron("", every=timedelta(seconds=max(int(given.interval_second), 1)))
    start = given.start_time or run.created_at or now
    times = next_times(cron, max(now, start), start)
    return takewhile(lambda time: given.end_time is None or time <= given.end_time, times)


def coming(cron: Cron) -> str:
    """The next times of a cron expression, for people."""
    return shown(next_times(cron, datetime.now(UTC)))


def shown(times: Iterator[datetime]) -> str:
    """The first of the times, for people."""
    first = [f"{time:%a %Y-%m-%d %H:%M:%S}" for time in islice(times, SHOWN)]
    return f"next: {', '.join(first)} UTC" if first else "next: none"


def recurring(api: Api, connection: Connection, name: str | None = None) -> list[Any]:
    """The recurring runs of the namespace, or those of one name."""
    wanted = {} if name is None else {"filter": by_name(name)}
    ask = RecurringRunServiceApi(api).recurring_run_service_list_recurring_runs
    found = api.pages(ask, "recurring_runs", PAGE, namespace=connection.namespace, **wanted)
    return [run for run in found if name in (None, run.display_name)]


def change_schedule(connection: Connection, name: str, change: str) -> int:
    """`pause`, `resume` or `delete` every recurring run of this name. Returns their number.

    Raises WordbrushError: there is none.
    """
    api = connect(connection)
    service = RecurringRunServiceApi(api)
    act = {
        "pause": service.recurring_run_service_disable_recurring_run,
        "resume": service.recurring_run_service_enable_recurring_run,
        "delete": service.recurring_run_service_delete_recurring_run,
    }[change]
    runs = [api.id_in(run, "recurring_run_id") for run in recurring(api, connection, name)]
    for run in runs:
        act(run)
    if not runs:
        raise WordbrushError(
            f"{connection.host}: there is no schedule {name!r} in the namespace "
            f"{connection.namespace}."
        )
    return len(runs)
