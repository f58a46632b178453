"""The commands of pipeline.py that look at runs on a cluster: list, status, wait, logs, cancel.

What they need is imported when they run, so that --help is quick.
"""

import shlex
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.options import (
    EVERY,
    HOST,
    NAME,
    NAMESPACE,
    EveryOption,
    HostOption,
    NamespaceOption,
    RunArgument,
)

if TYPE_CHECKING:
    from wordbrush.kubeflow.server.api import Api
    from wordbrush.kubeflow.server.connection import Connection

INTERRUPTED = 130  # what shells give for Ctrl-C
app = typer.Typer()


@app.command("list")
def list_command(
    host: HostOption = HOST,
    namespace: NamespaceOption = NAMESPACE,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
) -> None:
    """List the newest runs: id, name, state, age and description.

    Example: python pipeline.py list --limit 5
    """
    from wordbrush.kubeflow.server import runs

    server, api = _open(host, namespace)
    lines = runs.list_runs(api, server, limit)
    print("\n".join(lines) if lines else f"No runs in {server.namespace}.")


@app.command()
def status(
    run: RunArgument, host: HostOption = HOST, namespace: NamespaceOption = NAMESPACE
) -> None:
    """Show the state of a run and of its stages, and how long each took.

    Example: python pipeline.py status 0f8b6d2e
    """
    from wordbrush.kubeflow.server import client, progress, runs

    server, api = _open(host, namespace)
    print("\n".join(progress.describe(api, client.look_at(api, runs.find(api, server, run)))))


@app.command()
def wait(
    run: RunArgument,
    host: HostOption = HOST,
    namespace: NamespaceOption = NAMESPACE,
    every: EveryOption = EVERY,
) -> None:
    """Follow a run to its end; exit code 1 if it fails.

    Example: python pipeline.py wait 0f8b6d2e
    """
    from wordbrush.kubeflow import values
    from wordbrush.kubeflow.server import client, runs
    from wordbrush.kubeflow.server.api import Busy, Patience
    from wordbrush.kubeflow.server.connection import make_connection

    every, trouble = values.seconds("--every", every), Patience(client.PATIENCE)
    server = make_connection(host, namespace, NAME)
    # a host that says nothing at all may be a wrong one: that is not borne
    api = trouble.ask(lambda: client.connect(server), Busy)
    follow(server, trouble.ask(lambda: runs.find(api, server, run)), every)


@app.command()
def cancel(
    run: RunArgument, host: HostOption = HOST, namespace: NamespaceOption = NAMESPACE
) -> None:
    """End a run. What its finished stages left stays, and the next run uses it.

    Example: python pipeline.py cancel 0f8b6d2e
    """
    from wordbrush.kubeflow.server import runs

    server, api = _open(host, namespace)
    found = runs.find(api, server, run)
    if not runs.cancel(api, found):
        raise WordbrushError(f"{found} has ended already: `python pipeline.py status {run}`.")
    print(f"{found}: asked to end. `python pipeline.py status {run}` shows when it has.")


@app.command()
def logs(
    run: RunArgument,
    stage: Annotated[
        str | None, typer.Argument(help="The stage; without it, those that failed, or that run.")
    ] = None,
    host: HostOption = HOST,
    namespace: NamespaceOption = NAMESPACE,
    goes_on: Annotated[bool, typer.Option("--follow", help="Go on until the pods end.")] = False,
) -> None:
    """Show what the pods of a stage printed, with kubectl.

    Example: python pipeline.py logs 0f8b6d2e train-gan
    """
    from wordbrush.kubeflow.server import client, progress, runs

    server, api = _open(host, namespace)
    found = runs.find(api, server, run)
    stages = progress.chosen_stages(api, client.look_at(api, found), stage)
    page = f"{server.host}/#/runs/details/{found}"
    _show_logs(page, stages, *progress.log_commands(server, found, stages, goes_on))


def follow(server: "Connection", run: str, every: float) -> None:
    """Wait for the end of a run. Ends the process where it fails, or at Ctrl-C.

    Raises WordbrushError: the server is in trouble for too long, or refuses to show the run.
    """
    from wordbrush.kubeflow.server import client, progress, runs
    from wordbrush.kubeflow.server.api import Unknown

    short = run[: runs.SHORT]
    try:
        ended = client.wait(server, run, every)
    except KeyboardInterrupt:
        print(
            f"\n{run} goes on. `python pipeline.py wait {short}` follows it again, "
            "`cancel` ends it."
        )
        sys.exit(INTERRUPTED)
    except Unknown:
        raise
    except WordbrushError as error:
        raise WordbrushError(
            f"{error} The run {run} may go on: `python pipeline.py wait {short}` follows it again."
        ) from None
    if ended.state != "SUCCEEDED":
        lines = progress.failures(client.make_api(server), ended, short)
        print("\n".join(lines), file=sys.stderr)
        sys.exit(1)


def _open(host: str, namespace: str) -> "tuple[Connection, Api]":
    """A server of Kubeflow Pipelines that answers."""
    from wordbrush.kubeflow.server.client import connect
    from wordbrush.kubeflow.server.connection import make_connection

    server = make_connection(host, namespace, NAME)
    return server, connect(server)


def _show_logs(page: str, stages: list[str], find: list[str], show: list[str]) -> None:
    """What the pods of the stages printed. find, show: the commands of progress.log_commands.

    page: of the run in the UI. Raises WordbrushError, after the other logs: a stage has no pod.
    """
    from wordbrush.kubeflow.compiler.pools import stage_label

    if shutil.which(show[0]) is None:
        raise WordbrushError(f"kubectl is not installed; where it is, run: {shlex.join(show)}")
    # kubectl logs ends well where a selector finds no pod
    found = _run_kubectl(find, stdout=subprocess.PIPE).split()
    lost = [stage for stage in stages if stage_label(stage) not in found]
    if found:
        print(shlex.join(show), file=sys.stderr, flush=True)
        _run_kubectl(show)
    if lost:
        raise WordbrushError(
            f"no pod of the stage {', '.join(lost)} (its driver failed, or its pods are deleted): "
            f"open the run in the UI, {page}."
        )


def _run_kubectl(command: list[str], stdout: int | None = None) -> str:
    """What it printed, if stdout is a pipe. Raises WordbrushError where it fails."""
    done = subprocess.run(command, stdout=stdout, text=True)
    if done.returncode:
        raise WordbrushError(
            "kubectl failed, as it says above: `kubectl config current-context` must be the "
            "cluster of the run, and pods that were deleted have no logs."
        )
    return done.stdout or ""
