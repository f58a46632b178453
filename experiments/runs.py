"""One experiment: the committed project in a workspace of its own, with a preset, changes and a trial; and what it measured.

All workspaces share one DVC cache, so a stage that any of them ran with the same code, parameters and inputs is fetched, not run.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wordbrush import presets
from wordbrush.params import merge
from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import whole_directory

ROOT = Path(__file__).resolve().parents[1]
MATRIX = "matrix: {mining: [random, hard]}"   # of dvc.yaml
LAST_LINES = 12


@dataclass(frozen=True)
class Run:
    """`mining` None: all stages, measured by evaluate. Else the stages of one mining, measured by `wordbrush validate`."""

    preset: str
    name: str
    trial: int
    mining: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)

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
        self.call("dvc", "repro", *([f"targeted-edits@{self.mining}"] if self.mining else []), threads=threads)
        with whole_directory(self.results) as folder:
            if self.mining:
                numbers = json.loads(self.call("wordbrush", "validate", "--mining", self.mining, threads=threads))
                (folder / "validation.json").write_text(json.dumps(numbers, indent=1) + "\n")
            else:
                for path in sorted((self.workspace / "metrics").glob("*.json")):
                    shutil.copyfile(path, folder / path.name)
            for name in ("dvc.lock", "params.yaml"):
                shutil.copyfile(self.workspace / name, folder / name)
        return time.monotonic() - started

    def prepare(self, commit: str) -> None:
        """The workspace at this commit, its parameters changed; of what earlier runs left there, DVC decides what holds."""
        if not (self.workspace / ".git").exists():
            git("clone", "--quiet", "--shared", "--no-checkout", str(ROOT), str(self.workspace))
        git("fetch", "--quiet", str(ROOT), commit, folder=self.workspace)
        git("checkout", "--quiet", "--force", "--detach", commit, folder=self.workspace)
        params = self.workspace / "params.yaml"
        preset = {} if self.preset == "demo" else presets.read_preset(self.preset, params, self.workspace / "presets")
        presets.change(params, merge(preset, {**self.changes, "trial": self.trial}))
        if self.mining not in (None, "random", "hard"):
            stages = self.workspace / "dvc.yaml"
            stages.write_text(stages.read_text().replace(MATRIX, MATRIX.replace("]", f", {self.mining}]")))
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


def git(*arguments: str, folder: Path = ROOT) -> str:
    """What git says. Raises WordbrushError where it fails."""
    done = subprocess.run(["git", *arguments], cwd=folder, text=True, capture_output=True)
    if done.returncode:
        raise WordbrushError(f"git {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()
