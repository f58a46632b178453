"""What a long experiment has measured, kept in a file: started again, it goes on from there."""

import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from typing_extensions import TypedDict

import wordbrush
from experiments.runs import ROOT
from wordbrush.errors import WordbrushError
from wordbrush.params import Params
from wordbrush.storage.files import read_json, require_place, write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.paths import given_path
from wordbrush.versioning.closure import closure
from wordbrush.versioning.fingerprint import combined, digest
from wordbrush.versioning.git import described_head
from wordbrush.versioning.locks import read_lock

PACKAGE = Path(wordbrush.__file__).parent
PRINTS = ("kept", "tables", "figures", "runs")  # modules of experiments that change no number
PARTS = (  # of data/: what experiments read
    *("samples", "features", "speech", "generator", "segmenter"),
    *("annotations", "test_speech", "real_pairs"),
)
IMPORTED = re.compile(r"^from experiments\.(\w+) import", re.MULTILINE)
OutputOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.json",
        help="Keeps each result; started again with it, no training is repeated.",
        parser=given_path,
    ),
]


class About(TypedDict):
    """command, commit: with which the first result was measured. key: the hash of all that results
    depend on but the names of the results."""

    command: str
    commit: str | None
    key: str


class Measured(TypedDict):
    """The file. results: by the name of each training."""

    about: About
    results: dict[str, Any]


@dataclass
class Kept:
    """Results by name; of no file, they last as long as the process."""

    path: Path | None
    measured: Measured

    @classmethod
    def of(cls, name: str, path: Path | None, params: Params, layout: Layout) -> "Kept":
        """Of `python -m experiments.NAME`, with what is in the file.

        Raises WordbrushError where the file cannot be written, or is of other parameters, code or
        data.
        """
        key = combined(
            [params.model_dump(mode="json"), code_of(name), data_of(layout), torch.__version__]
        )
        command = shlex.join(["python", "-m", f"experiments.{name}", *sys.argv[1:]])
        about: About = {"command": command, "commit": described_head(ROOT), "key": key}
        if path is not None:
            require_place(path)
            if path.exists():
                found = read_json(path, Measured)
                if found["about"]["key"] != key:
                    raise WordbrushError(
                        f"{path} holds results of other parameters, code or data (commit "
                        f"{found['about']['commit']}): name another --output, or move it away."
                    )
                return cls(path, found)
        return cls(path, {"about": about, "results": {}})

    def get(self, name: str, measure: Callable[[], Any]) -> Any:
        """The result of this name; it is measured and written where there is none yet."""
        results = self.measured["results"]
        if name not in results:
            results[name] = measure()
            if self.path is not None:
                write_json(self.path, self.measured)
        return results[name]


def code_of(name: str) -> list[str]:
    """The hashes of the files that decide what an experiment measures, by order of their names."""
    waiting, followed, files = [name], set(PRINTS), set()
    while waiting:
        if (one := waiting.pop()) not in followed:
            followed.add(one)
            file = ROOT / "experiments" / f"{one}.py"
            files |= {PACKAGE / path for path in closure(str(file), PACKAGE)}
            waiting += IMPORTED.findall(file.read_text(encoding="utf-8"))
    return [digest(file) for file in sorted(files)]


def data_of(layout: Layout) -> dict[str, str]:
    """The hashes of what is read, as dvc.lock names them; none of a folder without one."""
    path = layout.root / "dvc.lock"
    if not path.is_file():
        return {}
    entries = read_lock(path)["stages"].values()
    outputs = [out for entry in entries for out in entry.get("outs", ())]
    read = {f"data/{part}" for part in (*PARTS, "twins")}
    return {out["path"]: out.get("md5", "") for out in outputs if out["path"] in read}
