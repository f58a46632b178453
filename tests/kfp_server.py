"""A compiled pipeline read back from its YAML, and `pipeline.py` run as people run it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]


def pipeline(
    *arguments: str, cwd: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "pipeline.py"), *arguments],
        cwd=cwd,
        text=True,
        capture_output=True,
        env={**os.environ, **environment},
    )


@dataclass(frozen=True)
class Compiled:
    """Pipeline spec and platform spec, the two documents of a compiled YAML."""

    spec: dict[str, Any]
    platform: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Compiled":
        spec, platform = YAML(typ="safe").load_all(path.read_text(encoding="utf-8"))
        return cls(spec, platform)

    @property
    def tasks(self) -> dict[str, dict]:
        """By display name, which is the address of the stage in dvc.yaml."""
        return {
            task["taskInfo"]["name"]: task for task in self.spec["root"]["dag"]["tasks"].values()
        }

    @property
    def edges(self) -> dict[str, list[str]]:
        """Each stage with the stages whose lock it reads."""
        names = {
            task: body["taskInfo"]["name"]
            for task, body in self.spec["root"]["dag"]["tasks"].items()
        }
        return {
            name: sorted(
                names[artifact["taskOutputArtifact"]["producerTask"]]
                for artifact in task.get("inputs", {}).get("artifacts", {}).values()
            )
            for name, task in self.tasks.items()
        }

    def executor(self, name: str) -> str:
        return self.spec["components"][self.tasks[name]["componentRef"]["name"]]["executorLabel"]

    def container(self, name: str) -> dict[str, Any]:
        return self.spec["deploymentSpec"]["executors"][self.executor(name)]["container"]

    def kubernetes(self, name: str) -> dict[str, Any]:
        return self.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][
            self.executor(name)
        ]
