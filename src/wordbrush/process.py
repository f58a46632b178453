"""This process: its cores, and its rank among the processes of one training."""

import os


def usable_cores() -> int:
    """Those on which this process may run."""
    return len(os.sched_getaffinity(0))


def is_worker() -> bool:
    """Whether torchrun, or our own launcher, started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_main() -> bool:
    """Whether this process writes and prints: it is the only one, or the first of several."""
    return not is_worker() or os.environ["RANK"] == "0"
