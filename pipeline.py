"""The pipeline on Kubeflow: compile, run, submit, schedule, adopt. Stages and edges are those of dvc.yaml."""

import hashlib
import io
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from ruamel.yaml import YAML

from wordbrush.errors import WordbrushError, run_command
from wordbrush.params import parse
from wordbrush.presets import read_preset
from wordbrush.storage.files import whole_file
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.yaml import merge, read_yaml

if TYPE_CHECKING:
    from wordbrush.kubeflow.pools import Pools

ROOT = Path(__file__).resolve().parent
MINING = ("random", "hard")
LOCAL = Path(".wordbrush/kfp")  # what the local runner keeps
ARITHMETIC = (
    "ATEN_",
    "MKL_",
    "OMP_",
    "ONEDNN_",
    "OPENBLAS_",
)  # settings that may change a sum's last bits, and so hashes
app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=__doc__,
)


@dataclass(frozen=True)
class Plan:
    """All that a compiled pipeline is made of; nothing that changes results is left open for the run."""

    params: str
    keys: dict[str, str]
    image: str
    pools: "Pools"
    cached: bool = True
    marks: dict[str, str] = field(
        default_factory=dict
    )  # change where the remote lost a stage's outputs
    gate: bool = False  # whether the champion's gate closes the pipeline
    retries: bool = True  # a local run shows the first fault


def plan(
    preset: str | None, image: str | None, pools: Path, cached: bool = True, gate: bool = False
) -> Plan:
    """Read and check everything that the user may have got wrong, before anything is compiled."""
    from components import IMAGE
    from wordbrush.kubeflow.pools import load_pools
    from wordbrush.versioning.runs import Storage, scratch_workspace, stage_keys

    params = parameters_text(preset)
    with scratch_workspace(ROOT, params, Storage("unused")) as repo:
        keys = stage_keys(repo)
    return Plan(params, keys, image or IMAGE, load_pools(pools), cached, gate=gate)


def parameters_text(preset: str | None) -> str:
    """params.yaml, with a preset laid over it, without its comments."""
    values = read_yaml(ROOT / PARAMS)
    if preset:
        values = merge(values, read_preset(preset, ROOT / PARAMS, ROOT / "presets"))
    parse(values, PARAMS)
    text = io.StringIO()
    YAML(typ="safe").dump(values, text)
    return text.getvalue()


def define(plan: Plan):
    """The DAG. Every edge is the lock of the stage before."""
    from kfp import dsl

    from components.cluster_units import cluster_units
    from components.evaluate import evaluate
    from components.pretrain_davenet import pretrain_davenet
    from components.promote import promote
    from components.random_edits import random_edits
    from components.render_scenes import render_scenes
    from components.report import report
    from components.sample_images import sample_images
    from components.synthesize_captions import synthesize_captions
    from components.targeted_edits import targeted_edits
    from components.train_gan import train_gan
    from components.train_segmenter import train_segmenter

    def task(
        component, mining: str | None = None, **upstream: dsl.PipelineTask
    ) -> dsl.PipelineTask:
        stage = component.name
        address = f"{stage}@{mining}" if mining else stage
        own = {"mining": mining} if mining else {}
        locks = {name: one.outputs["lock"] for name, one in upstream.items()}
        made = component(params=plan.params, key=plan.keys[address], **own, **locks)
        return settle(made, address, plan)

    @dsl.pipeline(
        name="wordbrush",
        description="Learns what spoken words mean by drawing pictures (CVPR 2019).",
    )
    def wordbrush() -> dsl.Artifact:
        scenes = task(render_scenes)
        gan = task(train_gan, render_scenes=scenes)
        segmenter = task(train_segmenter, render_scenes=scenes)
        samples = task(sample_images, train_gan=gan, train_segmenter=segmenter)
        captions = task(
            synthesize_captions,
            render_scenes=scenes,
            train_segmenter=segmenter,
            sample_images=samples,
        )
        heard_and_seen = {"sample_images": samples, "synthesize_captions": captions}
        learned = {}
        for mining in MINING:
            first = task(pretrain_davenet, mining, **heard_and_seen)
            second = task(
                random_edits, mining, train_gan=gan, **heard_and_seen, pretrain_davenet=first
            )
            concepts = task(
                cluster_units, mining, train_gan=gan, **heard_and_seen, random_edits=second
            )
            third = task(
                targeted_edits,
                mining,
                train_gan=gan,
                **heard_and_seen,
                random_edits=second,
                cluster_units=concepts,
            )
            learned |= {
                f"pretrain_davenet_{mining}": first,
                f"random_edits_{mining}": second,
                f"cluster_units_{mining}": concepts,
                f"targeted_edits_{mining}": third,
            }
        drawn = {"train_gan": gan, "train_segmenter": segmenter, **heard_and_seen}
        results = task(evaluate, render_scenes=scenes, **drawn, **learned)
        page = task(report, **drawn, **learned, evaluate=results)
        if plan.gate:
            settle(promote(params=plan.params, report=page.outputs["lock"]), "promote", plan)
        return page.outputs["lock"]

    return wordbrush


def settle(task, address: str, plan: Plan):
    """Image, node pool and cache of a task."""
    from wordbrush.kubeflow.pools import place

    task.set_container_image(plan.image).set_display_name(address)
    place(task, plan.pools, address.partition("@")[0])
    if not plan.retries:
        task.set_retry(0)
    key = f"{plan.keys.get(address, '')} {plan.image} {plan.marks.get(address, '')}"
    return task.set_caching_options(
        plan.cached and address in plan.keys, cache_key=hashlib.sha256(key.encode()).hexdigest()
    )


def write_pipeline(plan: Plan, target: Path) -> None:
    from kfp import compiler

    with whole_file(target) as scratch:
        package = scratch.with_name(f"{scratch.name}.yaml")  # kfp wants the ending
        try:
            compiler.Compiler().compile(define(plan), str(package))
            package.rename(scratch)
        finally:
            package.unlink(missing_ok=True)


PresetOption = Annotated[str | None, typer.Option(help="Lay presets/PRESET.yaml over params.yaml.")]
ImageOption = Annotated[
    str | None,
    typer.Option(envvar="WORDBRUSH_IMAGE", help="The image, best as NAME@sha256:DIGEST."),
]
RemoteOption = Annotated[
    str | None, typer.Option(envvar="WORDBRUSH_REMOTE", help="The DVC remote, a folder or gs://….")
]
PoolsOption = Annotated[Path, typer.Option(help="The node pools.")]
POOLS = ROOT / "k8s/pools.yaml"


@app.command("compile")
def compile_command(
    preset: PresetOption = None,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
    output: Annotated[Path, typer.Option(help="The file to write.")] = ROOT / "pipeline.yaml",
) -> None:
    """Write the pipeline as YAML, for `submit` or the KFP UI.

    Example: python pipeline.py compile --preset small --image NAME@sha256:DIGEST --output small.yaml
    """
    write_pipeline(plan(preset, image, pools), output)
    print(f"{output}: written.")


@app.command()
def run(
    preset: PresetOption = None,
    remote: RemoteOption = str(LOCAL / "remote"),
    lock: Annotated[Path, typer.Option(help="Where the merged lock goes.")] = LOCAL / "dvc.lock",
    gate: Annotated[
        bool, typer.Option("--gate", help="End with the champion's gate, as scheduled runs do.")
    ] = False,
    registry: Annotated[
        str, typer.Option(envvar="WORDBRUSH_REGISTRY", help="Where champions are kept.")
    ] = str(LOCAL / "registry"),
    docker: Annotated[
        bool,
        typer.Option(
            "--docker",
            help="Run each stage in a container of --image: read-only, without "
            "network or root, and all it writes in .wordbrush/kfp.",
        ),
    ] = False,
    image: ImageOption = None,
) -> None:
    """Run the pipeline on this machine, with kfp's own local runner: no cluster and, without --docker, no container.

    Example: python pipeline.py run --preset tiny
    """
    from kfp import components as kfp_components
    from kfp import local

    local_environment(remote, registry)
    settings = container_settings() if docker else {}
    planned = replace(
        marked(plan(preset, image if docker else None, POOLS, gate=gate)), retries=False
    )
    package = LOCAL / "pipeline.yaml"
    write_pipeline(planned, package)
    warnings.filterwarnings(
        "ignore",
        message="You may be attemping to run a task that uses custom or non-Python base image",
    )
    if docker:
        from wordbrush.kubeflow.containers import docker_runner

        runner = docker_runner(planned.image, LOCAL.resolve(), settings)
    else:
        runner = local.SubprocessRunner(use_venv=False)
    local.init(runner, pipeline_root=str(LOCAL / "outputs"), enable_caching=True)
    try:
        finished = kfp_components.load_component_from_file(str(package))()
    except RuntimeError as error:
        raise WordbrushError(
            f"the run did not finish: {error} What the stage said stands above."
        ) from None
    with whole_file(lock) as scratch:
        shutil.copyfile(finished.outputs["Output"].path, scratch)
    print(f"{lock}: the lock of this run. `python pipeline.py adopt {lock}` takes it over.")


HostOption = Annotated[
    str, typer.Option(envvar="WORDBRUSH_KFP_HOST", help="The Kubeflow Pipelines server.")
]
NamespaceOption = Annotated[
    str, typer.Option(envvar="WORDBRUSH_KFP_NAMESPACE", help="The profile's namespace.")
]
ExperimentOption = Annotated[
    str, typer.Option(envvar="WORDBRUSH_KFP_EXPERIMENT", help="The experiment that runs belong to.")
]
RootOption = Annotated[
    str | None,
    typer.Option(
        envvar="WORDBRUSH_KFP_ROOT", help="Where KFP keeps pages and metrics, such as gs://…."
    ),
]
AccountOption = Annotated[
    str | None,
    typer.Option(envvar="WORDBRUSH_KFP_SERVICE_ACCOUNT", help="The pods' service account."),
]
NameOption = Annotated[str, typer.Option(help="The name that the server shows.")]
HOST = "http://localhost:8080"


def connection(
    host: str,
    namespace: str,
    experiment: str = "wordbrush",
    pipeline_root: str | None = None,
    service_account: str | None = None,
):
    from pydantic import ValidationError

    from wordbrush.kubeflow.cluster import Connection, token_from_environment

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


@app.command()
def submit(
    host: HostOption = HOST,
    namespace: NamespaceOption = "kubeflow",
    experiment: ExperimentOption = "wordbrush",
    pipeline_root: RootOption = None,
    service_account: AccountOption = None,
    remote: RemoteOption = None,
    preset: PresetOption = None,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
    name: NameOption = "wordbrush",
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the run; exit code 1 if it fails.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 15,
) -> None:
    """Start a run on a cluster. Stages whose outputs the remote lost run again, whatever KFP's cache says.

    Example: python pipeline.py submit --host http://localhost:8080 --remote gs://bucket/dvc --preset small --wait
    """
    from wordbrush.kubeflow import cluster

    server = connection(host, namespace, experiment, pipeline_root, service_account)
    planned = marked(plan(preset, image, pools), remote)
    with compiled(planned) as package:
        run = cluster.submit(server, package, name)
    print(
        f"{run}: started at {server.host}. `python pipeline.py adopt {run}` brings its results home."
    )
    if wait and cluster.wait(server, run, every) != "SUCCEEDED":
        sys.exit(1)


@app.command()
def schedule(
    host: HostOption = HOST,
    namespace: NamespaceOption = "kubeflow",
    experiment: ExperimentOption = "wordbrush",
    pipeline_root: RootOption = None,
    service_account: AccountOption = None,
    preset: PresetOption = None,
    image: ImageOption = None,
    pools: PoolsOption = POOLS,
    name: NameOption = "wordbrush",
    cron: Annotated[
        str | None, typer.Option(help="Six fields, seconds first, such as '0 0 3 * * 1'.")
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the schedules.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Pause the schedule.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with it.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Delete it.")] = False,
) -> None:
    """Retrain on a schedule: create it, or replace the one of this name. Its runs end with the champion's gate.

    Example: python pipeline.py schedule --cron '0 0 3 * * 1' --preset small
    """
    from wordbrush.kubeflow import cluster

    wishes = {
        "list": show,
        "pause": pause,
        "resume": resume,
        "delete": delete,
        "cron": cron is not None,
    }
    wished = [wish for wish, given in wishes.items() if given]
    if len(wished) != 1:
        raise WordbrushError("name one of --cron, --list, --pause, --resume and --delete.")
    server = connection(host, namespace, experiment, pipeline_root, service_account)
    if wished == ["list"]:
        with cluster.faults(server.host):
            runs = cluster.recurring(cluster.connect(server), server)
        for one in runs:
            print(
                f"{one.recurring_run_id}  {one.display_name}  {one.trigger.cron_schedule.cron}  {(one.status or '').lower()}"
            )
        print(f"{len(runs)} schedules in {server.namespace}.")
    elif wished == ["cron"]:
        cluster.check_cron(cron)
        with compiled(
            plan(preset, image, pools, cached=False, gate=True)
        ) as package:  # its inputs may change: DVC decides
            print(f"{cluster.schedule(server, package, name, cron)}: {name} runs at {cron!r}.")
    else:
        print(
            f"{name}: {cluster.change_schedule(server, name, wished[0])} schedule(s), {wished[0]} done."
        )


@app.command()
def adopt(
    run: Annotated[
        str, typer.Argument(help="The id of a finished run, or the lock file of a local one.")
    ],
    host: HostOption = HOST,
    namespace: NamespaceOption = "kubeflow",
    remote: RemoteOption = None,
    target: Annotated[Path, typer.Option(help="The lock to write.")] = Path("dvc.lock"),
) -> None:
    """Bring the lock of a finished run home, so that `dvc pull` fetches its artifacts. The lock before is kept beside it.

    Example: python pipeline.py adopt 0f8b6d2e --remote gs://bucket/dvc
    """
    from wordbrush.versioning.runs import read_lock, recorded_lock, scratch_workspace

    if Path(run).is_file():
        text = Path(run).read_text(encoding="utf-8")
        read_lock(Path(run))
    else:
        from wordbrush.kubeflow import cluster

        key = cluster.report_key(connection(host, namespace), run)
        with scratch_workspace(ROOT, parameters_text(None), storage(remote)) as repo:
            text = recorded_lock(repo, key)
        if text is None:
            raise WordbrushError(
                f"the remote has no lock of the run {run}: is --remote the one that the cluster uses?"
            )
    if target.is_file() and target.read_text(encoding="utf-8") != text:
        shutil.copyfile(target, target.with_name(f"{target.name}.before"))
    with whole_file(target) as scratch:
        scratch.write_text(text, encoding="utf-8")
    print(
        f"{target}: the lock of {run}. `dvc pull` fetches its artifacts (once before: wordbrush remote PLACE)."
    )


def storage(remote: str | None):
    from wordbrush.versioning.runs import Storage

    if remote:
        os.environ["WORDBRUSH_REMOTE"] = remote
    return Storage.from_environment()


@contextmanager
def compiled(planned: Plan) -> Iterator[Path]:
    """The pipeline as a file, while it is needed."""
    with tempfile.TemporaryDirectory() as folder:
        write_pipeline(planned, Path(folder) / "pipeline.yaml")
        yield Path(folder) / "pipeline.yaml"


def local_environment(remote: str, registry: str) -> None:
    """What a pod gets from its image and ConfigMap."""

    def place(name: str) -> str:
        return name if "://" in name else str(Path(name).resolve())

    os.environ |= {
        "WORDBRUSH_SOURCE": str(ROOT),
        "WORDBRUSH_REMOTE": place(remote),
        "WORDBRUSH_REGISTRY": place(registry),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    os.environ.setdefault("WORDBRUSH_CACHE", str(ROOT / ".dvc/cache"))
    os.environ.setdefault("WORDBRUSH_CHECKPOINTS", str((LOCAL / "checkpoints").resolve()))
    LOCAL.mkdir(parents=True, exist_ok=True)


def container_settings() -> dict[str, str]:
    """The same for the containers of a local run, which see its folder and nothing else."""
    own = LOCAL.resolve()
    places = {name: os.environ[name] for name in ("WORDBRUSH_REMOTE", "WORDBRUSH_REGISTRY")}
    if outside := [place for place in places.values() if not Path(place).is_relative_to(own)]:
        raise WordbrushError(
            f"containers see {own} alone, not {', '.join(outside)}: leave --remote and --registry out."
        )
    arithmetic = {name: value for name, value in os.environ.items() if name.startswith(ARITHMETIC)}
    return {
        **places,
        **arithmetic,
        "WORDBRUSH_CHECKPOINTS": str(own / "checkpoints"),
        "WORDBRUSH_WORK": str(own / "work"),
    }


def marked(planned: Plan, remote: str | None = None) -> Plan:
    """KFP trusts its cache even where the objects are gone: stages whose outputs the remote lost get another cache key."""
    from wordbrush.versioning.runs import marks, scratch_workspace

    with scratch_workspace(ROOT, planned.params, storage(remote)) as repo:
        return replace(planned, marks=marks(repo, planned.keys))


if __name__ == "__main__":
    run_command(app, "pipeline")
