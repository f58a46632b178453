"""What it takes to check, import and prepare a source: a sample of two sizes, and what follows for
all of it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpora.shapes import Shape, write_source
from benchmarks.corpora.watching import Watched, command
from wordbrush import presets
from wordbrush.process import usable_cores
from wordbrush.storage.layout import PARAMS

ROOT = Path(__file__).resolve().parents[2]
PRESET = "recorded"
PAPER = {"image_size": 224, "image_side": 256}  # of davenet: as the preset paper
FOLDERS = ("collection", "data/samples", "data/features", "data/speech")


@dataclass(frozen=True)
class Imported:
    """A sample: its utterances, its hours, each command, and the bytes of each folder."""

    utterances: int
    hours: float
    commands: dict[str, Watched]
    disk: dict[str, int]

    def record(self) -> dict[str, Any]:
        return {
            "utterances": self.utterances,
            "hours": round(self.hours, 3),
            "commands": {name: described(one, self.utterances) for name, one in
                         self.commands.items()},
            "megabytes": {name: round(size / 1e6, 1) for name, size in self.disk.items()},
        }  # fmt: skip


def described(watched: Watched, utterances: int) -> dict[str, float]:
    """utterances_a_core_second: of processor time, which other work on the machine barely changes.

    own, workers: megabytes that the process itself held, and all its workers together.
    """
    return {
        "seconds": round(watched.seconds, 1),
        "processor_seconds": round(watched.processor, 1),
        "utterances_a_core_second": round(utterances / watched.processor, 1),
        "own_megabytes": round(watched.own / 1e6),
        "workers_megabytes": round(watched.workers / 1e6),
    }


def import_sample(folder: Path, shape: Shape, pictures: int, seed: int) -> Imported:
    """A source of so many pictures, through the commands that users call, in `folder`."""
    hours = write_source(folder / "source", shape, pictures, seed)
    for name in (PARAMS, "dvc.yaml"):
        shutil.copy(ROOT / name, folder)
    changes = presets.read_preset(PRESET, folder / PARAMS, ROOT / "presets")
    changes["collection"] = "collection"
    changes["davenet"] = {**changes["davenet"], **PAPER}
    presets.change(folder / PARAMS, changes)
    command("graph", folder=folder)
    commands = {
        "data --check": command("data", "source", "--check", folder=folder),
        "data": command("data", "source", "collection", folder=folder),
        "import-collection": command("import-collection", folder=folder),
    }
    disk = {name: size_of(folder / name) for name in ("source", *FOLDERS)}
    return Imported(pictures * shape.captions, hours, commands, disk)


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def whole(shape: Shape, small: Imported, large: Imported) -> dict[str, Any]:
    """What all of it would take: work, memory and disk go on as they grew from the smaller sample
    to the larger one. What every start takes is in neither."""
    apart = large.utterances - small.utterances
    rest = shape.utterances - large.utterances

    def grown(values: Callable[[Imported], dict[str, float]]) -> dict[str, float]:
        after = values(large)
        return {name: (after[name] - one) / apart for name, one in values(small).items()}

    seconds = grown(lambda one: {name: of.processor for name, of in one.commands.items()})
    memory = grown(lambda one: {name: of.own for name, of in one.commands.items()})
    disk = grown(lambda one: {name: float(size) for name, size in one.disk.items()})
    sound = grown(lambda one: {"hours": one.hours})
    hours = {name: one * shape.utterances / 3600 for name, one in seconds.items()}
    return {
        "utterances": shape.utterances,
        "hours_of_sound": round(sound["hours"] * shape.utterances),
        "utterances_a_core_second": {name: round(1 / one, 1) for name, one in seconds.items()},
        "core_hours": {name: round(one, 2) for name, one in hours.items()},
        "hours_on_this_machine": round(sum(hours.values()) / usable_cores(), 1),
        "bytes_of_memory_an_utterance": {name: round(one) for name, one in memory.items()},
        "megabytes_of_memory": {
            name: round((one.own + memory[name] * rest) / 1e6)
            for name, one in large.commands.items()
        },
        "gigabytes": {name: round(one * shape.utterances / 1e9, 1) for name, one in disk.items()},
    }
