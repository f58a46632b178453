"""One experiment: the committed project in a workspace of its own, and what it measured there.

It has a preset, changes and a trial. All workspaces share one DVC cache, so a stage that any of
them ran with the same code, parameters and inputs is fetched, not run.
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

from wordbrush import presets
from wordbrush.errors import WordbrushError
from wordbrush.params import Mining, load
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
SHARED = "shared.lock"  # of the first run: the entries of dvc.lock that all runs begin with
DRAWN = (
    "train-gan",
    "train-segmenter",
)  # the stages that cost most, and whose outputs fit a repository
BEFORE_GROUNDING = ("render-scenes", *DRAWN, "sample-images", "synthesize-captions")
SHORTER = {
    "pretrain": 4,
    "random_edits": 2,
    "targeted_edits": 2,
}  # times, of an ablation's trainings: enough to compare


class Variant(BaseModel):
    """An ablation: what it changes, the mining and last stage of its training, and what it is
    measured on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    params: dict[str, Any] = {}
    mining: Mining = "hard"
    stage: Literal["pretrain-davenet", "random-edits", "targeted-edits"] = "targeted-edits"
    on: Literal["validation", "tests"] = "validation"


@dataclass(frozen=True)
class Run:
    """All stages, measured by evaluate; or a variant, measured by `wordbrush measure`."""

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
        """Run what has not been run yet and write the results; returns the seconds that it took.

        keep: leave results that are there, of the same code and parameters.
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
        variant = self.variant
        stages = (
            ("dvc", "repro", f"{variant.stage}@{variant.mining}")
            if variant
            else ("make", "--no-print-directory", "stages")
        )
        shutil.rmtree(
            self.workspace / "data/encoders", ignore_errors=True
        )  # of other stages, which would be measured too
        self.call(*stages, threads=threads)
        with whole_directory(self.results) as folder:
            if variant:
                printed = self.call(
                    "wordbrush",
                    "measure",
                    "--mining",
                    variant.mining,
                    "--on",
                    variant.on,
                    "--keep",
                    str(self.workspace.parents[1] / "validation"),
                    threads=threads,
                )
                write_json(folder / "measured.json", json.loads(printed))
            else:
                for path in sorted((self.workspace / "metrics").glob("*.json")):
                    shutil.copyfile(path, folder / path.name)
                shutil.copyfile(
                    self.workspace / "data/evaluation/concepts.json", folder / CONCEPT_TABLES
                )
            for name in ("dvc.lock", PARAMS):
                shutil.copyfile(self.workspace / name, folder / name)
            write_json(folder / ABOUT, about)
        return time.monotonic() - started

    def share(self, commit: str, threads: int, drawing: Path | None = None) -> float:
        """Run the stages that all trials share; returns the seconds that it took.

        drawing: a folder that `keep_drawing` wrote, to take GAN and segmenter from.
        """
        started = time.monotonic()
        self.prepare(commit)
        if drawing:
            self.take_drawing(drawing, threads)
        self.call("dvc", "repro", BEFORE_GROUNDING[-1], threads=threads)
        write_lock(
            self.workspace / SHARED,
            chosen_entries(read_lock(self.workspace / "dvc.lock"), BEFORE_GROUNDING),
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

        Of what earlier runs left there, DVC decides what is still valid.
        """
        self.workspace.parent.mkdir(parents=True, exist_ok=True)
        if not (self.workspace / ".git").exists():
            git(
                ROOT,
                "clone",
                "--quiet",
                "--shared",
                "--no-checkout",
                str(ROOT),
                str(self.workspace),
            )
        git(self.workspace, "fetch", "--quiet", str(ROOT), commit)
        git(self.workspace, "checkout", "--quiet", "--force", "--detach", commit)
        params = self.workspace / PARAMS
        preset = (
            {}
            if self.preset == "demo"
            else presets.read_preset(self.preset, params, self.workspace / "presets")
        )
        presets.change(params, merge(preset, {"trial": self.trial}))
        if self.variant:
            schedule = load(params).schedule
            shorter = {
                stage: {"steps": max(1, getattr(schedule, stage).steps // times)}
                for stage, times in SHORTER.items()
            }
            presets.change(params, merge({"schedule": shorter}, self.variant.params))
        if self.variant and self.variant.mining not in MATRIX:
            stages = self.workspace / "dvc.yaml"
            stages.write_text(
                stages.read_text().replace(MATRIX, MATRIX.replace("]", f", {self.variant.mining}]"))
            )
        self.call("dvc", "config", "--local", "cache.dir", str(ROOT / ".dvc/cache"))
        self.call("dvc", "config", "--local", "cache.type", "reflink,hardlink,copy")
        first = Run(self.preset, "methods", 0)
        if (
            self != first and not (self.workspace / "dvc.lock").exists()
        ):  # what it shares with the first run is there already
            shutil.copyfile(first.workspace / SHARED, self.workspace / "dvc.lock")
            self.call(
                "dvc", "checkout", "--quiet", *read_yaml(self.workspace / "dvc.lock")["stages"]
            )

    def drawn(self) -> list[Path]:
        """What the stages of DRAWN write, in the workspace's own paths."""
        stages = read_yaml(self.workspace / "dvc.yaml")["stages"]
        named = [
            out
            for stage in DRAWN
            for kind in ("outs", "metrics", "plots")
            for out in stages[stage].get(kind, ())
        ]
        return [Path(next(iter(out)) if isinstance(out, dict) else out) for out in named]

    def keep_drawing(self, folder: Path) -> None:
        """Copy the GAN and the segmenter, with their metrics, curves and lock, to `folder`, so that
        others need not train them."""
        with whole_directory(folder) as kept:
            for path in self.drawn():
                copy(self.workspace / path, kept / path)
            write_lock(
                kept / "dvc.lock",
                chosen_entries(read_lock(self.workspace / "dvc.lock"), ("render-scenes", *DRAWN)),
            )

    def take_drawing(self, folder: Path, threads: int) -> None:
        """Raises WordbrushError where the folder lacks a file."""
        if missing := [path for path in self.drawn() if not (folder / path).exists()]:
            raise WordbrushError(
                f"{folder} is no drawing: {missing[0]} is missing. `python -m experiments` keeps "
                "one in results/PRESET/drawing."
            )
        self.call("dvc", "repro", "render-scenes", threads=threads)
        for path in self.drawn():
            copy(folder / path, self.workspace / path)
        self.call("dvc", "commit", "--force", "--quiet", *DRAWN)

    def call(self, *command: str, threads: int = 1) -> str:
        """What a command of this Python's environment prints, run on the workspace's code.

        All else goes to the workspace's log.
        """
        variables = {
            **os.environ,
            "OMP_NUM_THREADS": str(threads),
            "PYTHONPATH": str(self.workspace / "src"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        log = self.workspace / "experiment.log"
        with log.open("a") as out:
            done = subprocess.run(
                command,
                cwd=self.workspace,
                env=variables,
                stdout=subprocess.PIPE,
                stderr=out,
                text=True,
            )
            out.write(done.stdout)
        if done.returncode:
            last = "\n".join(log.read_text().splitlines()[-LAST_LINES:])
            raise WordbrushError(
                f"{self}: {' '.join(command)} ended with {done.returncode}. The last lines of "
                f"{log}:\n{last}"
            )
        return done.stdout


def chosen_entries(lock: dict[str, Any], stages: Collection[str]) -> dict[str, Any]:
    """A dvc.lock of these stages alone."""
    return {
        **lock,
        "stages": {stage: entry for stage, entry in lock["stages"].items() if stage in stages},
    }


def copy(source: Path, target: Path) -> None:
    """A file or a folder, in the place of what was there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
