"""The one error that people see: what is wrong, where, and what to do."""

import sys
from collections.abc import Callable


class WordbrushError(Exception):
    """A fault in what the user gave or has.

    The command line prints its sentence and exits with code 2.
    """


class Diverged(WordbrushError):
    """A loss or gradient is no longer a finite number."""


def run_command(command: Callable[[], None], name: str) -> None:
    """Run a command line.

    A WordbrushError is printed as one sentence, with exit code 2; a stop by a signal likewise, with
    EXIT_STOPPED.
    """
    try:
        command()
    except Stopped as stop:
        print(f"{name}: {stop.reason}", file=sys.stderr)
        sys.exit(stop.code)
    except WordbrushError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)


EXIT_STOPPED = 75  # sysexits.h: EX_TEMPFAIL, run again later


class Stopped(SystemExit):
    """The stage was asked to stop, and did so in good order."""

    def __init__(self, reason: str):
        super().__init__(EXIT_STOPPED)
        self.reason = reason
