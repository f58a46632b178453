"""Recurring runs on a Kubeflow Pipelines server: one for each name, by a cron expression."""

import json
from pathlib import Path
from typing import Any

import kfp
from croniter import croniter

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.client import Connection, connect, faults


def check_cron(expression: str) -> str:
    """The expression itself, if it has Kubeflow's six fields, seconds first.

    Raises WordbrushError: it has not. The client checks nothing.
    """
    fields = expression.split()
    if len(fields) != 6 or not croniter.is_valid(
        expression.replace("?", "*"), second_at_beginning=True
    ):
        raise WordbrushError(
            f"--cron {expression!r} is not valid: six fields are needed "
            "(second minute hour day month weekday); an example, Mondays at three: '0 0 3 * * 1'."
        )
    return expression


def schedule(connection: Connection, package: Path, name: str, cron: str) -> str:
    """Create the recurring run, then delete those that had its name. Returns its id.

    One run goes at a time, and runs that were missed are not made up for.
    """
    client = connect(connection)
    with faults(connection.host):
        experiment = client.create_experiment(connection.experiment, namespace=connection.namespace)
        before = recurring(client, connection, name)
        made = client.create_recurring_run(
            experiment.experiment_id,
            name,
            cron_expression=check_cron(cron),
            max_concurrency=1,
            no_catchup=True,
            pipeline_package_path=str(package),
            pipeline_root=connection.pipeline_root,
            service_account=connection.service_account,
        )
        for old in before:
            client.delete_recurring_run(old.recurring_run_id)
    return made.recurring_run_id


def list_schedules(connection: Connection) -> list[str]:
    """The schedules of the namespace, a line each: id, name, cron expression, state."""
    client = connect(connection)
    with faults(connection.host):
        runs = recurring(client, connection)
    return [
        f"{run.recurring_run_id}  {run.display_name}  {run.trigger.cron_schedule.cron}  "
        f"{(run.status or '').lower()}"
        for run in runs
    ]


def recurring(client: kfp.Client, connection: Connection, name: str | None = None) -> list[Any]:
    """The recurring runs of the namespace, or those of one name."""
    predicate = {
        "predicates": [{"operation": "EQUALS", "key": "display_name", "stringValue": name}]
    }
    found, page = [], ""
    while True:
        answer = client.list_recurring_runs(
            page_token=page,
            page_size=100,
            namespace=connection.namespace,
            filter=json.dumps(predicate) if name else None,
        )
        found += [run for run in answer.recurring_runs or [] if name in (None, run.display_name)]
        page = answer.next_page_token
        if not page:
            return found


def change_schedule(connection: Connection, name: str, change: str) -> int:
    """`pause`, `resume` or `delete` every recurring run of this name. Returns their number.

    Raises WordbrushError: there is none.
    """
    client = connect(connection)
    act = {
        "pause": client.disable_recurring_run,
        "resume": client.enable_recurring_run,
        "delete": client.delete_recurring_run,
    }[change]
    with faults(connection.host):
        runs = recurring(client, connection, name)
        for run in runs:
            act(run.recurring_run_id)
    if not runs:
        raise WordbrushError(
            f"{connection.host}: there is no schedule {name!r} in the namespace "
            f"{connection.namespace}."
        )
    return len(runs)
