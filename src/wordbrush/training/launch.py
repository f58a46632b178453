"""A training stage as several processes, started by torchrun's launcher. Loads no torch.

`WORDBRUSH_PROCESSES=2 wordbrush train-gan` starts two workers, so that a stage's command is the
same everywhere. `torchrun --nproc-per-node 2 -m wordbrush.cli train-gan` does the same by hand.
"""

import logging
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wordbrush.errors import EXIT_STOPPED, WordbrushError
from wordbrush.process import is_worker, usable_cores, variable

VARIABLE = "WORDBRUSH_PROCESSES"
MOST = 64
GRACE_SECONDS = 2.0


def wanted() -> int:
    """How many processes a training stage shall start: 1 means that it runs in this one."""
    value = variable(VARIABLE) or "1"
    if not re.fullmatch("[0-9]{1,3}", value) or not 1 <= int(value) <= MOST:
        raise WordbrushError(f"{VARIABLE} is {value!r}; a number from 1 to {MOST} is needed.")
    return 1 if is_worker() else int(value)


def launch(count: int) -> None:
    """Run this command line in so many processes, and end as they do.

    Only the first one prints; of another, the output is shown if it failed by itself. If one fails,
    the others are stopped.
    """
    from torch.distributed.elastic.multiprocessing import SignalException, Std
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed").setLevel(
        logging.CRITICAL
    )  # the workers say what is to say
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, usable_cores() // count)))
    with tempfile.TemporaryDirectory() as folder:
        others = dict.fromkeys(range(1, count), Std.ERR)
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=count,
            max_restarts=0,
            run_id="wordbrush",
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            logs_specs=DefaultLogsSpecs(log_dir=folder, redirects=others),
            signals_to_handle="SIGTERM,SIGINT",
        )  # as `signals` does: not what nohup holds back
        try:
            elastic_launch(config, sys.executable)("-m", "wordbrush.cli", *sys.argv[1:])
        except SignalException:  # which the launcher has passed on
            sys.exit(EXIT_STOPPED)
        except ChildFailedError as error:
            rank, first = next(
                iter(error.failures.items())
            )  # in the order of their ends: the others were stopped for it
            tell(rank, first.exitcode, Path(folder))
            sys.exit(first.exitcode if first.exitcode > 0 else 128 - first.exitcode)


def tell(rank: int, code: int, folder: Path) -> None:
    """Print why a process failed, unless it is the first one, whose output was seen already.

    code: negative where a signal ended the process. folder: the launcher's logs.
    """
    if code < 0:
        print(
            f"wordbrush: process {rank} was ended by {signal.Signals(-code).name}.", file=sys.stderr
        )
    elif rank > 0:
        for log in folder.glob(f"**/{rank}/stderr.log"):
            sys.stderr.write(log.read_text(encoding="utf-8", errors="replace"))


@contextmanager
def following() -> Iterator[None]:
    """Around a stage in all processes but the first.

    A fault mostly ends all of them; the others wait a little, so that the first one reports it.
    """
    try:
        yield
    except Exception:
        time.sleep(GRACE_SECONDS)
        raise
