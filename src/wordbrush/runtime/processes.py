"""A training stage as several processes: who asks for them, their launcher (torchrun's), and how they end. Loads no torch.

`WORDBRUSH_PROCESSES=2 wordbrush train-gan` starts two workers itself, so that a stage's command is the same everywhere;
`torchrun --nproc-per-node 2 -m wordbrush.cli train-gan` does the same by hand.
"""

import logging
import os
import re
import sys
import tempfile
from pathlib import Path

from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.signals import EXIT_STOPPED

VARIABLE = "WORDBRUSH_PROCESSES"
MOST = 64


def is_worker() -> bool:
    """Whether torchrun, or our own launcher, started this process."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def is_main() -> bool:
    """Whether this process is the only one, or the first of several: the one that writes and speaks."""
    return not is_worker() or os.environ["RANK"] == "0"


def wanted() -> int:
    """How many processes a training stage shall start: 1 means that it runs in this one."""
    value = os.environ.get(VARIABLE) or "1"
    if not re.fullmatch("[0-9]{1,3}", value) or not 1 <= int(value) <= MOST:
        raise WordbrushError(f"{VARIABLE} is {value!r}; a number from 1 to {MOST} is needed.")
    return 1 if is_worker() else int(value)


def launch(count: int) -> None:
    """Run this command line in so many processes, and end as they do.

    The first speaks for all; another's words are shown if it failed on its own. If one ends badly the others are stopped.
    """
    from torch.distributed.elastic.multiprocessing import SignalException, Std
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch
    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)   # the workers say what is to say
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    with tempfile.TemporaryDirectory() as folder:
        others = dict.fromkeys(range(1, count), Std.ERR)
        config = LaunchConfig(min_nodes=1, max_nodes=1, nproc_per_node=count, max_restarts=0, run_id="wordbrush",
                              rdzv_backend="c10d", rdzv_endpoint="localhost:0", local_addr="localhost",
                              logs_specs=DefaultLogsSpecs(log_dir=folder, redirects=others),
                              signals_to_handle="SIGTERM,SIGINT")   # as `signals` does: not what nohup holds back
        try:
            elastic_launch(config, sys.executable)("-m", "wordbrush.cli", *sys.argv[1:])
        except SignalException:      # which the launcher has passed on
            sys.exit(EXIT_STOPPED)
        except ChildFailedError as error:
            if 0 not in error.failures:
                sys.stderr.write("".join(path.read_text() for path in said(Path(folder), min(error.failures))))
            # a kill (128 + signal) says more than a stop, a stop more than a fault, a fault more than an error, which may be
            # nothing but the loss of another process
            sys.exit(max(code if code > 0 else 128 - code for code in (one.exitcode for one in error.failures.values())))


def said(folder: Path, rank: int) -> list[Path]:
    """The files with what a process printed to stderr."""
    return sorted(folder.glob(f"**/{rank}/stderr.log"))
