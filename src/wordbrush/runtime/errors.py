"""The one error that people see: what is wrong, where, and what to do."""

import sys
from collections.abc import Callable


class WordbrushError(Exception):
    """A fault in what the user gave or has: the command line prints its sentence and exits with code 2."""


def run_command(command: Callable[[], None], name: str) -> None:
    """Run a command line; faults of the user's side are one sentence and exit code 2."""
    try:
        command()
    except WordbrushError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
