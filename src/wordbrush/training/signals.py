"""SIGTERM and SIGINT finish the step, save, and exit with a code of their own.

A second signal exits at once. Spot nodes send SIGTERM, and Ctrl-C sends SIGINT. A stage whose
caller (dvc, kfp, make) was killed stops in the same way.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

from wordbrush.errors import EXIT_STOPPED, Stopped

GRACE_SECONDS = 14.0  # of the 15 that a spot node may have
LOOK_SECONDS = 1.0  # between two looks at the callers
SHELLS = ("sh", "bash", "dash", "zsh", "fish", "ksh")


class _State:
    asked: str | None = None  # the name of the signal that came
    finishing: bool = False  # whether a loop is at work that looks at `asked` after each step


def install(worker: bool = False) -> None:
    """Handle both signals from now on, and watch the callers.

    worker: its caller is its launcher, which belongs to another process group.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _handle)
    chain = psutil.Process().parents()[:1] if worker else callers()
    threading.Thread(target=_watch, args=(chain,), daemon=True, name="callers").start()


def asked() -> str | None:
    """The signal that asked this process to stop, if one did."""
    return _State.asked


@contextmanager
def finishing_steps() -> Iterator[None]:
    """Inside, a signal waits until the loop checks `asked`; outside, it stops the stage at once."""
    _State.finishing = True
    try:
        yield
    finally:
        _State.finishing = False
    if _State.asked:
        raise Stopped(f"stopped by {_State.asked}")


def leave_signals() -> None:
    """In a worker process: leave Ctrl-C, which a terminal sends to all, to the parent.

    The parent ends its workers by SIGTERM.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _handle(number: int, _: FrameType | None) -> None:
    if _State.asked:
        os._exit(128 + number)
    _State.asked = signal.Signals(number).name
    timer = threading.Timer(GRACE_SECONDS, _give_up)
    timer.daemon = True
    timer.start()
    if not _State.finishing:
        raise Stopped(f"stopped by {_State.asked}; nothing of this stage was kept")


def _give_up() -> None:
    print(
        f"wordbrush: {_State.asked}: not done within {GRACE_SECONDS:.0f} seconds; the last "
        "checkpoint is kept.",
        file=sys.stderr,
        flush=True,
    )
    os._exit(EXIT_STOPPED)


def callers() -> list[psutil.Process]:
    """The processes that run this one, such as sh, dvc and make.

    They are its ancestors in its process group, without the shell on top.

    The shell on top is a person's or a script's, which may end while its job goes on (nohup).
    """
    group, chain = os.getpgrp(), []
    for process in psutil.Process().parents():
        try:
            if os.getpgid(process.pid) != group:
                break
        except (ProcessLookupError, PermissionError):  # it ended; on macOS, it is another user's
            break
        chain.append(process)
    while chain and _is_shell(chain[-1]):
        chain.pop()
    return chain


def _is_shell(process: psutil.Process) -> bool:
    try:
        return process.name() in SHELLS
    except psutil.Error:
        return False


def alive(process: psutil.Process) -> bool:
    """Whether a process still runs; one that ended, and that its parent forgot, does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _watch(chain: list[psutil.Process]) -> None:
    while all(alive(process) for process in chain):
        time.sleep(LOOK_SECONDS)
    if not _State.asked:  # the callers may have had the same signal: it is no second one
        os.kill(os.getpid(), signal.SIGTERM)
