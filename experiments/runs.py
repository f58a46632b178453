"""One run of an experiment: the committed project in its own workspace, and the results.

A run has a preset, a trial and changes of parameters. All workspaces share one DVC cache: a stage
that one of them ran is fetched by others that have the same code, parameters and inputs.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from experiments.steps import fewer_steps
from wordbrush import presets
from wordbrush.errors import WordbrushError
from wordbrush.params import Mining, Schedule, load
from wordbrush.storage.files import read_json, whole_directory, write_json
from wordbrush.storage.layout import PARAMS
from wordbrush.storage.yaml import merge, read_yaml
from wordbrush.versioning.fingerprint import combined, digest
from wordbrush.versioning.git import git
from wordbrush.versioning.locks import read_lock, write_lock

ROOT = Path(__file__).resolve().parents[1]
MATRIX = "matrix: {mining: [random, hard]}"  # of dvc.yaml
LAST_LINES = 12
CONCEPT_TABLES = "concept_tables.json"  # a trial's data/evaluation/concepts.json
ABOUT = "about.json"  # of one run
SHARED = "shared.lock"  # of the first run: the entries of dvc.lock that all runs start with
# The stages that take longest, and whose outputs are small enough for a repository.
DRAWING = ("train-gan", "train-segmenter")
BEFORE_DAVENET = ("render-scenes", *DRAWING, "sample-images", "synthesize-captions", "speak-edits")
# Ablations divide the steps of each training by this: enough to compare them.
SHORTER = {"pretrain": 4, "random_edits": 2, "targeted_edits": 2}


def shortened(schedule: Schedule) -> dict[str, dict[str, int]]:
    """The steps of an ablation: of each training its part."""
    return {
        stage: fewer_steps(getattr(schedule, stage), lambda count, by=divisor: count // by)
        for stage, divisor in SHORTER.items()
    }


class Variant(BaseModel):
    """An ablation: the parameters that it changes, its negative mining, the last stage of its
    training, and the samples that it is measured on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    params: dict[str, Any] = {}
    mining: Mining = "hard"
    stage: Literal["pretrain-davenet", "random-edits", "targeted-edits"] = "targeted-edits"
    on: Literal["validation", "tests"] = "validation"


@dataclass(frozen=True)
class Run:
    """All stages with their evaluation; or a variant, measured by `wordbrush measure`."""

    preset: str
    name: str
    trial: int
    variant: Variant | None = None

    def __str__(self) -> str:
        return f"{self.preset}/{self.name}/{self.trial}"

    @property
    def workspace(self) -> Path:
        return ROOT / ".wordbrush/experiments" / str(self)

    @property
    def results(self) -> Path:
        return ROOT / "results" / str(self)

    def perform(self, commit: str, threads: int, keep: bool = False) -> float:
        """Run the stages that have not run yet and write the results. Returns the seconds taken.

        keep: leave results that exist, if they have the same code, parameters and GAN.
        """
        started = time.monotonic()
        self.prepare(commit)
        about = {"key": self.key(), "commit": commit}
        if (
            keep
            and (self.results / ABOUT).exists()
            and read_json(self.results / ABOUT, dict[str, str])["key"] == about["key"]
        ):
            return 0.0
        # encoders of other stages would be measured too
        shutil.rmtree(self.workspace / "data/encoders", ignore_errors=True)
        if self.variant:
            stage = f"{self.variant.stage}@{self.variant.mining}"
            self.call("dvc", "repro", stage, threads=threads)
        else:
            self.call("make", "--no-print-directory", "stages", threads=threads)
        with whole_directory(self.results) as folder:
            if self.variant:
                write_json(folder / "measured.json", self.measure(self.variant, threads))
            else:
                self.copy_metrics(folder)
            for name in ("dvc.lock", PARAMS):
                shutil.copyfile(self.workspace / name, folder / name)
            write_json(folder / ABOUT, about)
        return time.monotonic() - started

    def measure(self, variant: Variant, threads: int) -> dict[str, Any]:
        """The numbers of a variant, by method."""
        samples = self.workspace.parents[1] / "validation"
        options = ("--mining", variant.mining, "--on", variant.on, "--keep", str(samples))
        return json.loads(self.call("wordbrush", "measure", *options, threads=threads))

    def copy_metrics(self, folder: Path) -> None:
        """Copy the metrics of all stages, and the tables of concepts."""
        for path in sorted((self.workspace / "metrics").glob("*.json")):
            shutil.copyfile(path, folder / path.name)
        shutil.copyfile(self.workspace / "data/evaluation/concepts.json", folder / CONCEPT_TABLES)

    def share(self, commit: str, threads: int, drawing: Path | None = None) -> float:
        """Run the stages that all trials share. Returns the seconds taken.

        drawing: a folder written by `keep_drawing`, whose GAN and segmenter are used.
        """
        started = time.monotonic()
        self.prepare(commit)
        if drawing:
            self.take_drawing(drawing, threads)
        self.call("dvc", "repro", BEFORE_DAVENET[-1], threads=threads)
        write_lock(
            self.workspace / SHARED,
            chosen_entries(read_lock(self.workspace / "dvc.lock"), BEFORE_DAVENET),
        )
        return time.monotonic() - started

    def key(self) -> str:
        """The hash of what the results depend on: parameters, code, GAN and segmenter."""
        stages = read_yaml(self.workspace / "dvc.yaml")["stages"]
        code = {
            dep
            for name, stage in stages.items()
            if name != "report"
            for dep in stage["deps"]
            if dep.startswith("src/")
        }
        content = {
            str(path): digest(self.workspace / path) for path in (*sorted(code), *self.drawn())
        }
        return combined([read_yaml(self.workspace / PARAMS), content])

    def prepare(self, commit: str) -> None:
        """Check this commit out into the workspace, and change its parameters.

        DVC decides which outputs of earlier runs in the workspace are still valid.
        """
        self.workspace.parent.mkdir(parents=True, exist_ok=True)
        if not (self.workspace / ".git").exists():
            clone = ("clone", "--quiet", "--shared", "--no-checkout")
            git(ROOT, *clone, str(ROOT), str(self.workspace))
        git(self.workspace, "fetch", "--quiet", str(ROOT), commit)
        git(self.workspace, "checkout", "--quiet", "--force", "--detach", commit)
        self.change_params()
        if self.variant and self.variant.mining not in MATRIX:
            stages = self.workspace / "dvc.yaml"
            text = stages.read_text(encoding="utf-8")
            more = MATRIX.replace("]", f", {self.variant.mining}]")
            stages.write_text(text.replace(MATRIX, more), encoding="utf-8")
        self.call("dvc", "config", "--local", "cache.dir", str(ROOT / ".dvc/cache"))
        self.call("dvc", "config", "--local", "cache.type", "reflink,hardlink,copy")
        first = Run(self.preset, "methods", 0)
        lock = self.workspace / "dvc.lock"
        if self != first and not lock.exists():
            # what this run shares with the first one is in the cache
            shutil.copyfile(first.workspace / SHARED, lock)
            self.call("dvc", "checkout", "--quiet", *read_yaml(lock)["stages"])

    def change_params(self) -> None:
        """Write preset, trial and the variant's changes into the workspace's params.yaml."""
        params = self.workspace / PARAMS
        preset = (
            {}
            if self.preset == "demo"
            else presets.read_preset(self.preset, params, self.workspace / "presets")
        )
        presets.change(params, merge(preset, {"trial": self.trial}))
        if self.variant:
            shorter = {"schedule": shortened(load(params).schedule)}
            presets.change(params, merge(shorter, self.variant.params))

    def drawn(self) -> list[Path]:
        """The outputs of the stages of DRAWING, as paths in the workspace."""
        stages = read_yaml(self.workspace / "dvc.yaml")["stages"]
        named = [
            out
            for stage in DRAWING
            for kind in ("outs", "metrics", "plots")
            for out in stages[stage].get(kind, ())
        ]
        return [Path(next(iter(out)) if isinstance(out, dict) else out) for out in named]

    def keep_drawing(self, folder: Path) -> None:
        """Copy the GAN and the segmenter, with their metrics, curves and lock, to `folder`.

        Other runs can then use them without training (`take_drawing`).
        """
        with whole_directory(folder) as kept:
            for path in self.drawn():
                copy(self.workspace / path, kept / path)
            write_lock(
                kept / "dvc.lock",
                chosen_entries(read_lock(self.workspace / "dvc.lock"), ("render-scenes", *DRAWING)),
            )

    def take_drawing(self, folder: Path, threads: int) -> None:
        """Use the GAN and the segmenter of a folder that `keep_drawing` wrote.

        Raises WordbrushError where the folder lacks a file.
        """
        if missing := [path for path in self.drawn() if not (folder / path).exists()]:
            raise WordbrushError(
                f"{folder} has no complete GAN and segmenter: {missing[0]} is missing. `python -m "
                "experiments` keeps them in results/PRESET/drawing."
            )
        self.call("dvc", "repro", "render-scenes", threads=threads)
        for path in self.drawn():
            copy(folder / path, self.workspace / path)
        self.call("dvc", "commit", "--force", "--quiet", *DRAWING)

    def call(self, *command: str, threads: int = 1) -> str:
        """Run a command of this Python's environment on the workspace's code.

        Returns its standard output. Standard error goes to the workspace's log. Raises
        WordbrushError with the last lines of the log if the command fails.
        """
        variables = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": str(self.workspace / "src"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        log = self.workspace / "experiment.log"
        with log.open("a", encoding="utf-8") as out:
            done = subprocess.run(
                command,
                cwd=self.workspace,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=out,
                encoding="utf-8",
                errors="replace",
            )
            out.write(done.stdout)
        if done.returncode:
            last = "\n".join(
                log.read_text(encoding="utf-8", errors="replace").splitlines()[-LAST_LINES:]
            )
            raise WordbrushError(
                f"{self}: {' '.join(command)} ended with {done.returncode}. The last lines of "
                f"{log}:\n{last}"
            )
        return done.stdout


def chosen_entries(lock: dict[str, Any], stages: Collection[str]) -> dict[str, Any]:
    """A dvc.lock that has only these stages."""
    return {
        **lock,
        "stages": {stage: entry for stage, entry in lock["stages"].items() if stage in stages},
    }


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, replacing what was there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
