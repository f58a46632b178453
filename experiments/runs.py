"""One experiment: the committed project in a workspace of its own, with a preset, changes and a trial; and what it measured.

All workspaces share one DVC cache, so a stage that any of them ran with the same code, parameters and inputs is fetched, not run.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from wordbrush import presets
from wordbrush.params import Mining, load, merge
from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import whole_directory, write_json
from wordbrush.runtime.git import git

ROOT = Path(__file__).resolve().parents[1]
MATRIX = "matrix: {mining: [random, hard]}"   # of dvc.yaml
LAST_LINES = 12
SHORTER = 4      # times, of an ablation's pretraining


class Variant(BaseModel):
    """An ablation: what it changes, the mining and the last stage of its training, and what it is measured on.

    whole: pretrained for as long as the methods are; else for a quarter of that, which is enough to compare.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    params: dict[str, Any] = {}
    mining: Mining = "hard"
    stage: Literal["pretrain-davenet", "random-edits", "targeted-edits"] = "targeted-edits"
    on: Literal["validation", "tests"] = "validation"
    whole: bool = False


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

    def perform(self, commit: str, threads: int) -> float:
        """Run what has not been run yet and write the results; seconds that it took."""
        started = time.monotonic()
        self.workspace.parent.mkdir(parents=True, exist_ok=True)
        self.prepare(commit)
        variant = self.variant
        stages = ("dvc", "repro", f"{variant.stage}@{variant.mining}") if variant else ("make", "--no-print-directory", "stages")
        self.call(*stages, threads=threads)
        with whole_directory(self.results) as folder:
            if variant:
                printed = self.call("wordbrush", "measure", "--mining", variant.mining, "--on", variant.on, threads=threads)
                write_json(folder / "measured.json", json.loads(printed))
            else:
                for path in sorted((self.workspace / "metrics").glob("*.json")):
                    shutil.copyfile(path, folder / path.name)
            for name in ("dvc.lock", "params.yaml"):
                shutil.copyfile(self.workspace / name, folder / name)
        return time.monotonic() - started

    def prepare(self, commit: str) -> None:
        """The workspace at this commit, its parameters changed; of what earlier runs left there, DVC decides what holds."""
        if not (self.workspace / ".git").exists():
            git(ROOT, "clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(self.workspace))
        git(self.workspace, "fetch", "--quiet", str(ROOT), commit)
        git(self.workspace, "checkout", "--quiet", "--force", "--detach", commit)
        params = self.workspace / "params.yaml"
        preset = {} if self.preset == "demo" else presets.read_preset(self.preset, params, self.workspace / "presets")
        presets.change(params, merge(preset, {"trial": self.trial}))
        if self.variant:
            steps = load(params).schedule.pretrain.steps
            shorter = {} if self.variant.whole else {"schedule": {"pretrain": {"steps": max(1, steps // SHORTER)}}}
            presets.change(params, merge(shorter, self.variant.params))
        if self.variant and self.variant.mining not in MATRIX:
            stages = self.workspace / "dvc.yaml"
            stages.write_text(stages.read_text().replace(MATRIX, MATRIX.replace("]", f", {self.variant.mining}]")))
        self.call("dvc", "config", "--local", "cache.dir", str(ROOT / ".dvc/cache"))
        self.call("dvc", "config", "--local", "cache.type", "reflink,hardlink,copy")
        first = Run(self.preset, "methods", 0)
        if self != first and not (self.workspace / "dvc.lock").exists():   # what it shares with the first run is there already
            shutil.copyfile(first.workspace / "dvc.lock", self.workspace / "dvc.lock")
            self.call("dvc", "checkout", "--quiet")

    def call(self, *command: str, threads: int = 1) -> str:
        """What a command of this Python's environment prints, run on the workspace's code; all else goes to its log."""
        variables = {**os.environ, "OMP_NUM_THREADS": str(threads), "PYTHONPATH": str(self.workspace / "src"),
                     "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        log = self.workspace / "experiment.log"
        with log.open("a") as out:
            done = subprocess.run(command, cwd=self.workspace, env=variables, stdout=subprocess.PIPE, stderr=out, text=True)
            out.write(done.stdout)
        if done.returncode:
            last = "\n".join(log.read_text().splitlines()[-LAST_LINES:])
            raise WordbrushError(f"{self}: {' '.join(command)} ended with {done.returncode}. The last lines of {log}:\n{last}")
        return done.stdout
