"""Engines that are programs of the system: run one, and read the sound that it wrote."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from shutil import which

import numpy as np

from wordbrush.audio.sound import read_sound
from wordbrush.errors import WordbrushError

SECONDS = 120.0  # for one text, of which engines need less than one


def require_program(name: str, package: str) -> str:
    """Its path. Raises WordbrushError, which names the package, where it is not installed."""
    path = which(name)
    if path is None:
        raise WordbrushError(f"{name} is not installed: {package}.")
    return path


def recorded(
    command: Callable[[Path], Sequence[str]], script: str = ""
) -> tuple[np.ndarray, int, str]:
    """Run a command that writes sound, and gets `script` at its standard input.

    command: the arguments, for the file that it shall write.
    Returns the sound float32 [S], its rate in Hz, and what the command printed.
    Raises WordbrushError where it fails, does not end, or writes no sound.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "speech.wav"
        arguments = command(file)
        printed = run(arguments, script)
        if not file.is_file():
            raise WordbrushError(f"{_name(arguments)} wrote no sound: {_told(printed)}.")
        sound, rate = read_sound(file.read_bytes(), f"what {_name(arguments)} wrote")
    return sound if sound.ndim == 1 else sound.mean(1), rate, printed


def run(arguments: Sequence[str], script: str = "", codes: tuple[int, ...] = (0,)) -> str:
    """What a command prints.

    codes: with which it ends where all is well.
    Raises WordbrushError where it fails or does not end.
    """
    try:
        done = subprocess.run(
            arguments, input=script, capture_output=True, text=True, errors="replace",
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise WordbrushError(
            f"{_name(arguments)} did not end within {SECONDS:.0f} seconds: install it again."
        ) from None
    except OSError as error:
        raise WordbrushError(
            f"{_name(arguments)} does not start ({error}): install it again."
        ) from None
    if done.returncode not in codes:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"error {done.returncode}"
        raise WordbrushError(
            f"{_name(arguments)} ended with {how}: {_told(done.stderr or done.stdout)}. If it does "
            "so again, install it again."
        )
    return done.stdout


def _name(arguments: Sequence[str]) -> str:
    return Path(arguments[0]).name


def _told(text: str) -> str:
    """The last line that a program printed, as it is often the one that says why."""
    readable = (line for line in text.splitlines() if line.strip() and line.isprintable())
    lines = [line.strip() for line in readable if "\N{REPLACEMENT CHARACTER}" not in line]
    return lines[-1][:200].rstrip(".") if lines else "it says nothing that can be read"
