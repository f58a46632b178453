"""Running a stage of the table in the current folder, as `wordbrush STAGE` does.

PyTorch is loaded only once a stage runs: the command line must answer quickly.
"""

import importlib
import time
from pathlib import Path

from wordbrush import params as parameters
from wordbrush.process import is_main, is_worker
from wordbrush.report import timings
from wordbrush.stages.table import Stage
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.yaml import read_yaml
from wordbrush.training import launch, signals
from wordbrush.versioning import graph, places

DVC_FILE = Path(places.DVC_FILE)


def run(stage: Stage, **options: str) -> None:
    """Run a stage on params.yaml, and report its progress and outcome.

    options: `mining`, where the stage runs per mining. A stage that can train in parallel starts
    as many processes as WORDBRUSH_PROCESSES asks for; each of them comes through here again.
    Raises WordbrushError where DVC would not take the outputs, before any work.
    """
    if DVC_FILE.is_file():
        places.require_usable(DVC_FILE)
        graph.require_arranged(Path("."), read_yaml(Path(PARAMS)))
    if stage.parallel and (count := launch.wanted()) > 1:
        signals.install()
        checked(stage)
        launch.launch(count)
        return
    from wordbrush.telemetry.outcome import reported

    with reported(stage.name, **options) if is_main() else launch.following():
        _run_here(stage, **options)


def checked(stage: Stage) -> parameters.Params:
    """params.yaml. Raises WordbrushError where `stage`, or one that comes after it, would fail."""
    params = parameters.load(Path(PARAMS))
    if not is_worker():  # its launcher has checked
        from wordbrush.stages.preflight import check_stage

        check_stage(params, stage)
    return params


def _run_here(stage: Stage, **options: str) -> None:
    """Run the stage's module in this process."""
    started = time.monotonic()
    signals.install(is_worker())  # before the checks, which take seconds
    params = checked(stage)
    module = importlib.import_module(stage.module)
    from wordbrush.telemetry import gpu
    from wordbrush.training import checkpoints
    from wordbrush.training.compute import keep_freed_memory, set_seed
    from wordbrush.training.parallel import joined
    from wordbrush.versioning.fingerprint import fingerprint

    keep_freed_memory()
    set_seed(params.seed)
    gpu.watch()
    with joined():
        # dvc.yaml says what a result depends on: without it, no checkpoint could be trusted
        if stage.resumes and DVC_FILE.is_file():
            key = fingerprint(stage.name, options.get("mining"))
            kept = checkpoints.for_stage(key, params.checkpoints.minutes)
            module.run(params, Layout(), checkpoints=kept, **options)
            kept.clear()
        else:
            module.run(params, Layout(), **options)
    if is_main():
        name = " ".join([stage.name, *options.values()])
        timings.record(Layout(), name, time.monotonic() - started)
