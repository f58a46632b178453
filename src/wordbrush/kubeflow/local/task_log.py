"""The log of a local run: a line a task for people, and all that was said in a file.

kfp's local runner prints whatever it and its tasks say. What is read from it here are the lines of
kfp 2.17 about a task's start, end, and cache.
"""

import io
import logging
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TextIO

from wordbrush.errors import WordbrushError
from wordbrush.kubeflow.durations import duration

SHOWN = 40  # last lines of a failed task
WIDTH = 24  # of a task's name
COLOUR = re.compile(r"\x1b\[\d+m")
STARTED = re.compile(r"INFO - Executing task '([^']+)'")
ENDED = re.compile(r"- (?:INFO|ERROR) - Task '([^']+)' finished with status (\w+)")
CACHED = re.compile(r"INFO - Task '?([\w-]+)'? cache hit")
NOISE = re.compile(r"^\s*(\[KFP Executor|$)")


class TaskLog(io.TextIOBase):
    """Takes what a local run prints: all goes to `file`, a line a task to `out`.

    titles: of tasks, by kfp's names.
    """

    def __init__(self, file: TextIO, out: TextIO, titles: Mapping[str, str]):
        self.file, self.out, self.titles = file, out, titles
        self.line, self.started = "", 0.0
        self.said: deque[str] = deque(maxlen=SHOWN)

    def write(self, text: str) -> int:
        self.file.write(text)
        *whole, self.line = (self.line + text).split("\n")
        for line in whole:
            self._read(COLOUR.sub("", line))
        return len(text)

    def flush(self) -> None:
        self.file.flush()

    def _read(self, line: str) -> None:
        if found := STARTED.search(line):
            self.started = time.monotonic()
            self.said.clear()
            if self.out.isatty():
                self._tell(found[1], "running", "\r")
        elif found := ENDED.search(line):
            took = duration(time.monotonic() - self.started)
            self._tell(found[1], f"{'done' if found[2] == 'SUCCESS' else 'FAILED'}, {took}")
            if found[2] != "SUCCESS":
                print(*self.said, sep="\n", file=self.out, flush=True)
        elif found := CACHED.search(line):
            self._tell(found[1], "kept from an earlier run")
        elif not NOISE.match(line):
            self.said.append(line)

    def _tell(self, task: str, what: str, end: str = "\n") -> None:
        print(f"{self.titles.get(task, task):<{WIDTH}} {what}", end=end, file=self.out, flush=True)


@contextmanager
def logged(path: Path, out: TextIO, titles: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, standard output goes to the file `path`, and a line a task to `out`.

    A WordbrushError that passes through names the file.
    """
    with path.open("w", encoding="utf-8") as file:
        log = TaskLog(file, out, titles)
        with redirect_stdout(log), _logging_to(log):
            try:
                yield
            except WordbrushError as error:
                raise WordbrushError(f"{error} The whole log: {path}") from None


@contextmanager
def _logging_to(log: TaskLog) -> Iterator[None]:
    """Take what kfp logs outside of tasks, such as that its cache had the outputs of one."""
    logger, handler = logging.getLogger(), logging.StreamHandler(log)
    handler.setFormatter(logging.Formatter("%(levelname)s - %(message)s"))
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
