"""The one error that people see: what is wrong, where, and what to do."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class WordbrushError(Exception):
    """A fault in what the user gave or has: the command line prints it and exits with code 2."""


REMAKE = "Make it again: dvc repro."


class FileFault(WordbrushError):
    """A file is missing or damaged: `fault` says which and how, `remedy` what to do.

    The code that reads a file takes it for an artifact of a run, which `dvc repro` makes again.
    Who knows that it is another's file gives other advice: `advising`.
    """

    def __init__(self, fault: str, remedy: str = REMAKE):
        super().__init__(fault, remedy)
        self.fault, self.remedy = fault, remedy

    def __str__(self) -> str:
        return f"{self.fault} {self.remedy}"


@contextmanager
def advising(remedy: str) -> Iterator[None]:
    """Within, what is wrong with a file comes with this advice."""
    try:
        yield
    except FileFault as error:
        raise FileFault(error.fault, remedy) from None


class Diverged(WordbrushError):
    """A loss or gradient is no longer a finite number."""


EXIT_STOPPED = 75  # sysexits.h: EX_TEMPFAIL, run again later


class Stopped(SystemExit):
    """The stage was asked to stop, and did so in good order."""

    def __init__(self, reason: str):
        super().__init__(EXIT_STOPPED)
        self.reason = reason


# The smallest extra of pyproject.toml that brings each package, by the name that imports it.
EXTRAS = {
    "PIL": "render",
    "croniter": "pipeline",
    "docker": "dev",
    "drjit": "render",
    "dvc": "pipeline",
    "dvc_data": "pipeline",
    "espeakng_loader": "speech",
    "google": "pipeline",
    "google_crc32c": "pipeline",
    "huggingface_hub": "web",
    "kfp": "pipeline",
    "kfp_server_api": "pipeline",
    "matplotlib": "web",
    "mitsuba": "render",
    "obstore": "cloud",
    "pyarrow": "speech",
    "requests": "pipeline",
    "scipy": "speech",
    "soundfile": "speech",
    "urllib3": "pipeline",
}


@contextmanager
def optional_packages() -> Iterator[None]:
    """Around imports of packages that only an extra installs: `with optional_packages(): import x`.

    Raises WordbrushError, which names the package and the extra, where one is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise WordbrushError(
            f"{error.name} is not installed: pip install 'wordbrush[{EXTRAS[package]}]'."
        ) from None


def run_command(command: Callable[[], None], name: str) -> None:
    """Run a command line: a WordbrushError is one sentence and exit code 2.

    A stop by a signal is one sentence and EXIT_STOPPED.
    """
    try:
        with optional_packages():
            command()
    except Stopped as stop:
        print(f"{name}: {stop.reason}", file=sys.stderr)
        sys.exit(stop.code)
    except WordbrushError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
