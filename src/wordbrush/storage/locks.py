"""A lock between processes and threads, by a file beside what it guards."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wordbrush.errors import WordbrushError

try:
    import fcntl
except ModuleNotFoundError:  # Windows
    fcntl = None  # type: ignore[assignment]

WAIT = 3600.0  # seconds, without fcntl: longer than anyone should hold a lock
PAUSE = 0.02  # seconds between two attempts, without fcntl


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold the lock of `path`: no other process or thread is inside meanwhile.

    On Linux and macOS it is `flock` on `path` with the suffix `.lock`, a file that stays; the
    system lets go of the lock of a process that dies. Elsewhere the file has the suffix `.held` and
    exists while the lock is held. After a crash it stays, and must be deleted by hand.
    Raises WordbrushError, which names it, where it exists for WAIT seconds.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        with _held(path.with_suffix(".held")):
            yield
        return
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def alone(path: Path, busy: str) -> Iterator[None]:
    """As `one_at_a_time`, but without waiting. Raises WordbrushError with `busy` where another
    process is inside; on Windows, where there is no `flock`, it does not notice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise WordbrushError(busy) from None
        yield


@contextmanager
def _held(lock: Path) -> Iterator[None]:
    deadline = time.monotonic() + WAIT
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            if time.monotonic() > deadline:
                raise WordbrushError(
                    f"{lock} has been there for {WAIT:.0f} seconds: if no other wordbrush is "
                    "running, delete it."
                ) from None
            time.sleep(PAUSE)
    try:
        yield
    finally:
        lock.unlink()
