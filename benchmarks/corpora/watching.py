"""How long work takes, and the most memory that it and its processes hold meanwhile."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psutil

from wordbrush.errors import WordbrushError

EVERY = 0.25  # seconds


@dataclass
class Watched:
    """seconds: that passed. own, workers: the most bytes that the process itself, and those that it
    started, held for themselves at a time. computed: the processor seconds of each, by its id."""

    seconds: float = 0.0
    own: int = 0
    workers: int = 0
    computed: dict[int, float] = field(default_factory=dict)

    @property
    def processor(self) -> float:
        return sum(self.computed.values())

    def look(self, process: psutil.Process) -> None:
        """Memory that is shared, and files that are mapped by several, do not count."""
        try:
            self.own = max(self.own, self._held(process))
            workers = process.children(recursive=True)
        except psutil.Error:
            return  # it has just ended
        self.workers = max(self.workers, sum(map(self._held, workers)))

    def _held(self, process: psutil.Process) -> int:
        try:
            times = process.cpu_times()
            self.computed[process.pid] = times.user + times.system
            return int(process.memory_full_info().uss)
        except psutil.Error:
            return 0


@contextmanager
def watching(process: psutil.Process) -> Iterator[Watched]:
    """Within, `process` is looked at, and those that it starts."""
    watched, done = Watched(), Event()

    def look() -> None:
        while not done.wait(EVERY):
            watched.look(process)

    began, thread = time.perf_counter(), Thread(target=look, daemon=True)
    thread.start()
    try:
        yield watched
    finally:
        done.set()
        thread.join()
        watched.seconds = time.perf_counter() - began


def command(*arguments: str, folder: Path) -> Watched:
    """`wordbrush …`, in a folder. Raises WordbrushError where it fails."""
    line = [sys.executable, "-m", "wordbrush.cli", *arguments]
    with (folder / "said.log").open("a") as said:
        started = subprocess.Popen(line, cwd=folder, stdout=said, stderr=said)
        with watching(psutil.Process(started.pid)) as watched:
            status = started.wait()
    if status:
        told = (folder / "said.log").read_text()
        raise WordbrushError(f"wordbrush {' '.join(arguments)} failed:\n{told}")
    return watched


def here(work: Callable[[], Any]) -> tuple[Any, Watched]:
    """Work in this process: what it returns; `own` is what it took beyond what was held before."""
    process = psutil.Process()
    before, began = process.memory_full_info().uss, time.process_time()
    with watching(process) as watched:
        result = work()
        watched.look(process)
    watched.own = max(0, watched.own - before)
    watched.computed = {process.pid: time.process_time() - began}
    return result, watched
