"""This process: its cores, its rank among the processes of one training, its environment."""

import os


def usable_cores() -> int:
    """Those on which this process may run; all of the machine where the system cannot restrict it.

    macOS and Windows have no `os.sched_getaffinity`.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def variable(name: str) -> str | None:
    """A variable of the environment, without white space around it.

    None where it is not set or nothing is left: as in a shell, an empty variable is not set.
    """
    return os.environ.get(name, "").strip() or None


def is_worker() -> bool:
    """Whether torchrun, or our own launcher, started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_main() -> bool:
    """Whether this process writes and prints: it is the only one, or the first of several."""
    return not is_worker() or os.environ["RANK"] == "0"
