"""Whole runs in a copy of the project.

These are the demo from nothing, a run with nothing to do, and a cached pipeline run.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bench import Bench, Line, Target
from benchmarks.machine import ROOT
from benchmarks.timing import WHOLE, Seconds, timed
from wordbrush.errors import WordbrushError
from wordbrush.presets import apply
from wordbrush.storage.layout import PARAMS

COPIED = (
    "src",
    "presets",
    "components",
    "k8s",
    "dvc.yaml",
    PARAMS,
    ".dvcignore",
    "pipeline.py",
    "Makefile",
    "pyproject.toml",
)
FLOOR = Target(1.3, at_most=True)


def whole_runs(bench: Bench) -> Iterator[Line]:
    """Run the preset `tiny` with --quick, else the demo."""
    project = copy_of_project(bench.folder(), "tiny" if bench.quick else None)
    floor = bench.folder()
    world = "tiny" if bench.quick else "demo"
    first = timed(lambda: run(project, "make", "stages"))[WHOLE]
    yield Line(bench.row, f"{world}, all stages from nothing", Seconds([first]))
    run(floor, "dvc", "init", "--no-scm", "--quiet")
    (floor / "dvc.yaml").write_text("stages: {}\n")
    yield from bench.compare(
        "dvc repro with nothing to do",
        lambda: run(project, "dvc", "repro"),
        lambda: run(floor, "dvc", "repro"),
        "dvc repro without stages",
        FLOOR,
        published=False,
        computed=False,
    )
    pipeline = (sys.executable, "pipeline.py", "run")
    first = timed(lambda: run(project, *pipeline))[WHOLE]
    yield from bench.compare(
        "cached pipeline run",
        lambda: run(project, *pipeline),
        computed=False,
        note=f"the first run of this pipeline, whose stages DVC had run, took {first:.1f} s",
    )


def copy_of_project(folder: Path, preset: str | None) -> Path:
    """A folder without git, artifacts or cache."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            shutil.copy(source, folder / name)
    if preset:
        apply(preset, folder / PARAMS, folder / "presets")
    run(folder, "dvc", "init", "--no-scm", "--quiet")
    return folder


def run(folder: Path, *command: str) -> None:
    """Raises WordbrushError with the last words of a command that fails."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("WORDBRUSH_")
    }
    variables |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "src"),
        "DVC_NO_ANALYTICS": "1",
    }
    done = subprocess.run(
        command, cwd=folder, encoding="utf-8", errors="replace", capture_output=True, env=variables
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-300:]
        raise WordbrushError(f"{' '.join(command)} ended with {done.returncode}: {said}")
