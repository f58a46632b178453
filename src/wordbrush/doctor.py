"""`wordbrush doctor`: checks environment, parameters and all bytes of the artifacts; can repair."""

import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from wordbrush.errors import WordbrushError
from wordbrush.stages.preflight import check_all
from wordbrush.versioning.integrity import Fault, Repo, faults, repair, repository
from wordbrush.versioning.places import DVC_FILE, require_usable

PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
FREE_GIB = 5.0  # what a demo and its cache take on the disk


def examine(root: Path, fix: bool) -> bool:
    """Print what is good and what is wrong. Returns whether all is good at the end.

    fix: whether damaged artifacts are repaired.
    """
    wrong = [*environment(root), *parameters(root)]
    for sentence in wrong:
        print(f"wrong   {sentence}")
    return not artifacts(root, fix) and not wrong


def environment(root: Path) -> Iterator[str]:
    """Packages against the lock, if there is one, the project's place, and space on the disk."""
    lock = root / "requirements.lock"
    yield from packages(lock, "run `make setup`") if lock.is_file() else ()
    if (root / DVC_FILE).is_file():
        try:
            require_usable(root / DVC_FILE)
        except WordbrushError as error:
            yield str(error)
    free = shutil.disk_usage(root).free / 2**30
    if free < FREE_GIB:
        yield f"only {free:.1f} GiB are free on this disk; a demo needs {FREE_GIB:g}."
    else:
        print(f"good    environment: {free:.0f} GiB free")


def packages(lock: Path, advice: str) -> Iterator[str]:
    """Python and the installed packages against a lock."""
    if sys.version_info[:2] != (3, 11):
        yield f"Python is {sys.version.split()[0]}; 3.11 is what the lock is for."
    try:
        pins = dict(PIN.findall(lock.read_text(encoding="utf-8")))
    except OSError as error:
        yield f"{lock} cannot be read ({error.strerror}): {advice}."
        return
    wrong = [
        f"the package {name} is {found}, the lock has {version}: {advice}."
        for name, version in pins.items()
        if (found := _installed(name)) != version
    ]
    yield from wrong
    if not wrong:
        print(f"good    packages: {len(pins)} as in the lock")


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"


def parameters(root: Path) -> Iterator[str]:
    """params.yaml and all presets."""
    try:
        print(f"good    parameters: {', '.join(check_all(root / 'params.yaml', root / 'presets'))}")
    except WordbrushError as error:
        yield str(error)


def artifacts(root: Path, fix: bool) -> list[Fault]:
    """Print the faults of all artifacts, repair them if `fix`, and return those that are left."""
    with repository(root) as repo:
        found = print_faults(repo)
        if found and fix:
            repair(repo, found)
            print("after the repair:")
            found = print_faults(repo)
            for path in sorted({fault.artifact.path for fault in found}):
                print(f"        {path} is whole nowhere: the next `dvc repro` makes it again.")
        return found


def print_faults(repo: Repo) -> list[Fault]:
    """Print every fault as it is found, and how many artifacts are whole."""
    examined: set[str] = set()
    found: list[Fault] = []
    for fault in faults(repo, examined.add):
        print(f"wrong   {fault.artifact.path}, in the {fault.location}: {fault.what}")
        found.append(fault)
    damaged = {fault.artifact.path for fault in found}
    print(f"good    artifacts: {len(examined - damaged)} of {len(examined)} whole")
    return found
