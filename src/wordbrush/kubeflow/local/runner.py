"""Running a pipeline on this machine, by kfp's own local runner: in processes, or in containers."""

import os
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

from kfp import components as kfp_components
from kfp import local
from kfp.dsl.base_component import BaseComponent

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.compiler.dag import Components, write_pipeline
from wordbrush.kubeflow.compiler.plan import Plan
from wordbrush.kubeflow.local.containers import docker_runner
from wordbrush.kubeflow.local.task_log import COLOUR, logged
from wordbrush.storage.files import whole_file
from wordbrush.storage.paths import given_address
from wordbrush.versioning.environment import remote_address

LOG = "run.log"  # of the last local run
HARMLESS = (  # what kfp warns of, in its own spelling: local runs have no nodes to choose from
    "You may be attemping to run a task that uses custom or non-Python base image",
    ".*settings .* have no effect in the current local runner",
)
# Variables whose names begin so may change a sum's last bits, and with them the hashes.
ARITHMETIC = ("ATEN_", "MKL_", "OMP_", "ONEDNN_", "OPENBLAS_")


def prepare(source: Path, folder: Path, remote: str, registry: str) -> None:
    """Set in this process what a pod gets from its image and ConfigMap, and make the folder.

    source: the folder with dvc.yaml and src. folder: what local runs keep.
    """
    os.environ |= {
        "WORDBRUSH_SOURCE": str(source),
        "WORDBRUSH_REMOTE": _absolute(remote_address(remote)),
        "WORDBRUSH_REGISTRY": _absolute(registry),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    os.environ.setdefault("WORDBRUSH_CACHE", str(source / ".dvc/cache"))
    os.environ.setdefault("WORDBRUSH_CHECKPOINTS", str((folder / "checkpoints").resolve()))
    folder.mkdir(parents=True, exist_ok=True)


def _absolute(location: str) -> str:
    place = given_address(location)
    return place if "://" in place else str(Path(place).resolve())


def process_runner() -> local.SubprocessRunner:
    """Tasks as processes of this machine, in this Python environment."""
    return local.SubprocessRunner(use_venv=False)


def container_runner(folder: Path, image: str) -> local.DockerRunner:
    """Tasks in containers of `image`.

    Raises WordbrushError: remote or registry lie where containers cannot reach them, no Docker
    engine answers, or it has no such image.
    """
    return docker_runner(image, folder.resolve(), container_settings(folder.resolve()))


def container_settings(own: Path) -> dict[str, str]:
    """The variables of containers, which see the folder `own` and nothing else."""
    locations = {name: os.environ[name] for name in ("WORDBRUSH_REMOTE", "WORDBRUSH_REGISTRY")}
    outside = [one for one in locations.values() if not Path(one).is_relative_to(own)]
    if outside:
        raise WordbrushError(
            f"containers see {own} alone, not {', '.join(outside)}: "
            "leave --remote and --registry out."
        )
    arithmetic = {name: value for name, value in os.environ.items() if name.startswith(ARITHMETIC)}
    return {
        **locations,
        **arithmetic,
        "WORDBRUSH_CHECKPOINTS": str(own / "checkpoints"),
        "WORDBRUSH_WORK": str(own / "work"),
    }


def run(
    plan: Plan,
    components: Components,
    runner: local.SubprocessRunner | local.DockerRunner,
    folder: Path,
    lock: Path,
) -> None:
    """Compile and run a plan, and write the merged lock of its stages to `lock`.

    Raises WordbrushError: a stage failed.
    """
    package = folder / "pipeline.yaml"
    write_pipeline(plan, components, package)
    for message in HARMLESS:
        warnings.filterwarnings("ignore", message=message)
    local.init(runner, pipeline_root=str(folder / "outputs"), enable_caching=True)
    pipeline = kfp_components.load_component_from_file(str(package))
    with logged(folder / LOG, sys.stdout, titles(pipeline)):
        outputs = _finished(pipeline)
    with whole_file(lock) as scratch:
        shutil.copyfile(outputs["Output"].path, scratch)


def _finished(pipeline: BaseComponent) -> dict[str, Any]:
    """The outputs of a pipeline, once it has run."""
    try:
        return pipeline().outputs
    except RuntimeError as error:
        raise WordbrushError(
            f"the run did not finish: {COLOUR.sub('', str(error))} What the stage said last stands "
            "above."
        ) from None


def titles(pipeline: BaseComponent) -> dict[str, str]:
    """The titles of a pipeline's tasks, by the names that the local runner gives them."""
    return {
        name: task.task_info.name
        for key, task in pipeline.pipeline_spec.root.dag.tasks.items()
        for name in (key, task.component_ref.name.removeprefix("comp-"))
    }
