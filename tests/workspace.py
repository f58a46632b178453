"""A new folder with the project's own dvc.yaml and sources, in which tests run dvc."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ruamel.yaml import YAML

from wordbrush import presets
from wordbrush.storage.layout import Layout
from wordbrush.storage.yaml import read_yaml


def environment(**more: str) -> dict[str, str]:
    """The variables of this process, with the commands of its Python first in the path."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **more,
    }


@dataclass(frozen=True)
class Workspace:
    """A folder without git, as a pod has it."""

    root: Path

    @classmethod
    def create(cls, root: Path, project: Path, preset: str = "tiny") -> "Workspace":
        for name in ("src", "presets"):
            shutil.copytree(
                project / name,
                root / name,
                ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"),
            )
        for name in ("dvc.yaml", "params.yaml", ".dvcignore"):
            shutil.copy(project / name, root / name)
        presets.apply(preset, root / "params.yaml", root / "presets")
        workspace = cls(root)
        workspace.run("dvc", "init", "--no-scm", "--quiet")
        return workspace

    @property
    def layout(self) -> Layout:
        return Layout(self.root)

    def run(
        self, *command: str, check: bool = True, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the environment in this folder; on failure the test shows its output."""
        done = subprocess.run(
            command, cwd=self.root, text=True, capture_output=True, env=environment(**variables)
        )
        if check and done.returncode:
            raise AssertionError(
                f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
            )
        return done

    def every_step(self) -> "Workspace":
        """Save a checkpoint after every step."""
        path = self.root / "params.yaml"
        text = path.read_text()
        assert "minutes: 2.0" in text
        path.write_text(text.replace("minutes: 2.0", "minutes: 0.0"))
        return self

    def longer(self, factor: int) -> "Workspace":
        """Train this many times as long."""
        path = self.root / "params.yaml"
        values = read_yaml(path)
        values["gan"]["stable_kimg"] = {
            size: factor * kimg for size, kimg in values["gan"]["stable_kimg"].items()
        }
        for section in (values["segmenter"], *values["schedule"].values()):
            section["steps"] *= factor
        with path.open("wb") as out:
            YAML(typ="safe").dump(values, out)
        return self

    def hashes(self) -> dict[str, str]:
        """The md5 of every output, by path, as dvc.lock has them."""
        lock = YAML(typ="safe").load((self.root / "dvc.lock").read_text())
        return {
            out["path"]: out["md5"]
            for stage in lock["stages"].values()
            for out in stage.get("outs", [])
        }
