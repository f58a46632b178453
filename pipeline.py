"""The pipeline on Kubeflow: compile, run, submit, follow, upload, schedule, adopt.

Stages and edges are those of dvc.yaml. The work is done in wordbrush.kubeflow, which is imported
only when a command runs, so that --help is quick.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wordbrush.errors import WordbrushError, run_command
from wordbrush.kubeflow.options import (
    EVERY,
    HOST,
    NAME,
    NAMESPACE,
    AccountOption,
    CronOption,
    DockerOption,
    EveryOption,
    ExperimentOption,
    GateOption,
    HostOption,
    ImageOption,
    LockOption,
    NameOption,
    NamespaceOption,
    NoCacheOption,
    NoteOption,
    NotifyOption,
    PoolsOption,
    PresetOption,
    RegistryOption,
    RemoteOption,
    RootOption,
    RunNameOption,
    TargetOption,
    TrialOption,
    WaitOption,
)
from wordbrush.kubeflow.server.following import app as following
from wordbrush.kubeflow.server.following import follow
from wordbrush.storage.paths import given_path

if TYPE_CHECKING:
    from wordbrush.kubeflow.compiler.identity import Identity
    from wordbrush.kubeflow.compiler.plan import Plan
    from wordbrush.versioning.environment import RemoteConfig

ROOT = Path(__file__).resolve().parent
LOCAL = Path(".wordbrush/kfp")  # the files of local runs
POOLS = ROOT / "k8s/pools.yaml"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=__doc__,
)
app.add_typer(following)


@app.command("compile")
def compile_command(
    preset: PresetOption = None,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
    trial: TrialOption = None,
    output: Annotated[Path, typer.Option(help="The file to write.", parser=given_path)] = (
        ROOT / "pipeline.yaml"
    ),
) -> None:
    """Write the pipeline as YAML, for the KFP UI.

    KFP's cache answers none of its stages: each starts its pod, and DVC decides there what to run.

    Example: python pipeline.py compile --preset small --output small.yaml
    """
    from wordbrush.storage.files import require_place

    require_place(output)
    # KFP's cache would not notice outputs that were lost, and a file carries no marks of them
    write(plan(preset, image, pools, cached=False, trial=trial), output)
    print(f"{output}: written.")


@app.command()
def run(
    preset: PresetOption = None,
    remote: RemoteOption = str(LOCAL / "remote"),
    lock: LockOption = LOCAL / "dvc.lock",
    gate: GateOption = False,
    registry: RegistryOption = str(LOCAL / "registry"),
    docker: DockerOption = False,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
) -> None:
    """Run the pipeline on this machine, with kfp's own local runner.

    No cluster is needed and, without --docker, no container. Of the node pools, groups count, and
    the number of processes for several GPUs.

    Example: python pipeline.py run --preset tiny
    """
    from components import all_components
    from wordbrush.kubeflow.local import runner as local
    from wordbrush.storage.files import require_place

    local.prepare(ROOT, LOCAL, remote, registry)
    require_place(lock)
    # without retries, so that a failure is shown at once
    planned = plan(preset, image if docker else None, pools, gate=gate, retries=False)
    runner = local.container_runner(LOCAL, planned.image) if docker else local.process_runner()
    planned = planned.named(contained=docker).marked(configured(None))
    local.run(planned, all_components(planned.graph), runner, LOCAL, lock)
    print(f"{LOCAL / 'outputs'}: pages and artifacts. {LOCAL / local.LOG}: the whole log.")
    print(f"{lock}: the lock of this run. `python pipeline.py adopt {lock}` takes it over.")


@app.command()
def submit(
    host: HostOption = HOST,
    namespace: NamespaceOption = NAMESPACE,
    experiment: ExperimentOption = NAME,
    pipeline_root: RootOption = None,
    service_account: AccountOption = None,
    remote: RemoteOption = None,
    preset: PresetOption = None,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
    trial: TrialOption = None,
    name: RunNameOption = None,
    note: NoteOption = None,
    notify: NotifyOption = False,
    no_cache: NoCacheOption = False,
    wait: WaitOption = False,
    every: EveryOption = EVERY,
) -> None:
    """Start a run on a cluster.

    Stages whose outputs are missing at the remote run again, even if KFP has cached them.

    Example: python pipeline.py submit --remote gs://bucket/dvc --preset small --wait
    """
    from wordbrush.kubeflow import values
    from wordbrush.kubeflow.server import client
    from wordbrush.kubeflow.server.connection import make_connection

    server = make_connection(host, namespace, experiment, pipeline_root, service_account)
    every, note = values.seconds("--every", every), values.optional_title("--note", note)
    name = values.optional_title("--name", name)
    server.require_account()
    storage = configured(remote)
    planned = plan(preset, image, pools, cached=not no_cache, trial=trial)
    planned, identity = ordered(planned, server.host if notify else None)
    name = name or identity.name
    api = client.connect_to_run(server)  # before the longer work
    with compiled(planned.marked(storage)) as package:
        run = client.submit(api, server, package, name, identity.description(note))
    print(
        f"{run}: {name} started at {server.host}/#/runs/details/{run}. "
        f"`python pipeline.py wait {run}` follows it, and `adopt {run}` takes over its results.",
        flush=True,
    )
    if wait:
        follow(server, run, every)


@app.command()
def upload(
    host: HostOption = HOST,
    namespace: NamespaceOption = NAMESPACE,
    presets: Annotated[
        list[str] | None,
        typer.Option(
            "--preset",
            help="A preset, may be repeated; by default all of presets/ whose data is here.",
        ),
    ] = None,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
    trial: TrialOption = None,
    gate: GateOption = False,
    name: NameOption = NAME,
) -> None:
    """Upload a version of the pipeline for each preset, to start runs of in the KFP UI.

    A version that is there already is left alone. Where the remote has all results, a run starts no
    stage.

    Example: python pipeline.py upload --preset small --preset paper
    """
    from wordbrush.kubeflow import values
    from wordbrush.kubeflow.compiler.plan import usable_presets
    from wordbrush.kubeflow.server import client, uploads
    from wordbrush.kubeflow.server.connection import make_connection

    server, name = make_connection(host, namespace, NAME), values.title("--name", name)
    chosen = presets or usable_presets(ROOT)
    plans = [
        ordered(plan(preset, image, pools, cached=False, gate=gate, compares=True, trial=trial))
        for preset in chosen
    ]
    api = client.connect_to_run(server)  # before the longer work
    for planned, identity in plans:
        with compiled(planned) as package:
            version = uploads.version_name(f"{identity.name}{'-gate' * gate}", package)
            found = uploads.upload(api, server, package, name, version, identity.description())
        print(
            f"{version}: {'uploaded to' if found.new else 'is there already, at'} {server.host}"
            f"/#/pipelines/details/{found.pipeline}/version/{found.version}"
        )


@app.command()
def schedule(
    host: HostOption = HOST,
    namespace: NamespaceOption = NAMESPACE,
    experiment: ExperimentOption = NAME,
    pipeline_root: RootOption = None,
    service_account: AccountOption = None,
    preset: PresetOption = None,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
    trial: TrialOption = None,
    name: NameOption = NAME,
    note: NoteOption = None,
    notify: NotifyOption = False,
    cron: CronOption = None,
    show: Annotated[bool, typer.Option("--list", help="List the schedules.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Pause the schedule.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Resume it.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
) -> None:
    """Retrain on a schedule: create it, or replace the one with this name.

    Its runs begin with a task that starts no stage where the remote has all results, and end with
    the champion's gate. Times are in UTC.

    Example: python pipeline.py schedule --cron '0 0 3 * * 1' --preset small
    """
    from wordbrush.kubeflow import values
    from wordbrush.kubeflow.server import client, schedules
    from wordbrush.kubeflow.server.connection import make_connection
    from wordbrush.kubeflow.server.cron import parse_cron

    actions = {"list": show, "pause": pause, "resume": resume, "delete": delete}
    given = [action for action, chosen in actions.items() if chosen]
    if len(given) + (cron is not None) != 1:
        raise WordbrushError("name one of --cron, --list, --pause, --resume and --delete.")
    server = make_connection(host, namespace, experiment, pipeline_root, service_account)
    name, note = values.title("--name", name), values.optional_title("--note", note)
    if cron is None:
        print("\n".join(schedules.manage(server, given[0], name)))
        return
    server.require_account()
    times = parse_cron(cron)
    # KFP's cache would not notice outputs that were lost, so the first task and DVC decide
    planned = plan(preset, image, pools, cached=False, gate=True, compares=True, trial=trial)
    planned, identity = ordered(planned, server.host if notify else None)
    note = identity.description(note)
    api = client.connect_to_run(server)  # before the longer work
    with compiled(planned) as package:
        made = schedules.schedule(api, server, package, name, times.text, note)
    print(f"{made}: {name} runs {identity.name} at {times.text!r}; {schedules.coming(times)}.")


@app.command()
def adopt(
    run: Annotated[
        str,
        typer.Argument(help="A finished run's id, or its beginning; or a local run's lock file."),
    ],
    host: HostOption = HOST,
    namespace: NamespaceOption = NAMESPACE,
    remote: RemoteOption = None,
    target: TargetOption = Path("dvc.lock"),
) -> None:
    """Take over the lock of a finished run, so that `dvc pull` fetches its artifacts.

    The previous lock is kept beside it.

    Example: python pipeline.py adopt 0f8b6d2e --remote gs://bucket/dvc
    """
    from wordbrush.kubeflow.server import adoption
    from wordbrush.kubeflow.server.connection import make_connection
    from wordbrush.storage.files import require_place

    require_place(target)
    if adoption.is_id(run):
        key = adoption.key_of_run(make_connection(host, namespace, NAME), run)
        lock = adoption.lock_of_run(run, key, configured(remote), ROOT)
    else:
        lock = adoption.lock_of_file(given_path(run))
    adoption.adopt(lock, target)
    print(
        f"{target}: the lock of {run}. "
        "`dvc pull` fetches its artifacts (before the first time: wordbrush remote ADDRESS)."
    )


def plan(preset: str | None, image: str | None, pools: Path, **choices: Any) -> "Plan":
    """The plan that this project's pipeline is compiled from. choices: see make_plan."""
    from components import IMAGE
    from wordbrush.kubeflow.compiler.plan import make_plan

    return make_plan(ROOT, preset, IMAGE if image is None else image, pools, **choices)


def ordered(planned: "Plan", ui: str | None = None) -> "tuple[Plan, Identity]":
    """The plan for a cluster with commit, labels and notice, and what tells its runs apart.

    ui: to which the notice of a run's end links; None: no notice.
    """
    from wordbrush.kubeflow.compiler.identity import identify

    identity = identify(planned.for_cluster())
    return planned.named().labelled(identity.labels).notifying(ui), identity


def write(planned: "Plan", target: Path) -> None:
    """Compile the plan with this project's components."""
    from components import all_components
    from wordbrush.kubeflow.compiler.dag import write_pipeline

    write_pipeline(planned, all_components(planned.graph), target)


@contextmanager
def compiled(planned: "Plan") -> Iterator[Path]:
    """The compiled pipeline as a temporary file."""
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        write(planned, package)
        yield package


def configured(remote: str | None) -> "RemoteConfig":
    """The DVC remote of the environment, at `remote` if that is given."""
    from wordbrush.versioning.environment import RemoteConfig

    return RemoteConfig.from_environment(remote)


if __name__ == "__main__":
    run_command(app, "pipeline")
