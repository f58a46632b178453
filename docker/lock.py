"""Print the part of requirements.lock that an image needs, with hashes: lock.py gpu|cpu|build.

gpu: what all stages need (the extra `pipeline`), without what only tests need. cpu: the same
without what only a GPU can use. build: what builds packages from source.

It imports only the standard library, because it runs before any package is installed.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

ENTRY = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9._-]+")
EXTRAS = re.compile(r"wordbrush\[(.+)\]")
IMAGE = "pipeline"  # the extra that an image installs
# PyPI's only PyTorch is for CUDA and is linked with most of NVIDIA's libraries, but not with these.
GPU_ONLY = frozenset(
    {"cuda-bindings", "nvidia-cuda-nvrtc", "nvidia-cusolver", "nvidia-nvtx", "triton"}
)


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, str]:
    """The lines of the lock that belong to each package."""
    starts = [(match.start(), normal(match[1])) for match in ENTRY.finditer(lock)]
    ends = [start for start, _ in starts[1:]] + [len(lock)]
    return {name: lock[start:end] for (start, name), end in zip(starts, ends, strict=True)}


def parents(entry: str) -> set[str]:
    """The packages that require a package: the `# via` comments that follow its hashes."""
    comments = [
        line.strip("# ").removeprefix("via").strip()
        for line in entry.splitlines()
        if line.lstrip().startswith("#")
    ]
    return {normal(NAME.match(comment)[0]) for comment in comments if comment}


def requirements(extra: str, extras: dict[str, list[str]]) -> list[str]:
    """What an extra adds. It may hold others: `wordbrush[render,web]`."""
    found = []
    for requirement in extras[extra]:
        if match := EXTRAS.fullmatch(requirement):
            for other in match[1].split(","):
                found += requirements(other.strip(), extras)
        else:
            found.append(requirement)
    return found


def part(lock: str, roots: Iterable[str], without: frozenset[str] = frozenset()) -> str:
    """The entries of `roots` and all they require, in the lock's order.

    Leaves out `without`, and whatever only those packages require.
    """
    known = entries(lock)
    wanted_by = {name: parents(entry) for name, entry in known.items()}
    kept = {normal(NAME.match(root)[0]) for root in roots}
    if unknown := kept - set(known):
        sys.exit(f"requirements.lock lacks {', '.join(sorted(unknown))}: run `make lock`.")
    while more := {name for name in known if wanted_by[name] & kept} - kept - without:
        kept |= more
    return "".join(entry for name, entry in known.items() if name in kept)


def main() -> None:
    settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    project = settings["project"]
    lock = Path("requirements.lock").read_text(encoding="utf-8")
    stages = project["dependencies"] + requirements(IMAGE, project["optional-dependencies"])
    parts: dict[str, tuple[list[str], frozenset[str]]] = {
        "gpu": (stages, frozenset()),
        "cpu": (stages, GPU_ONLY),
        "build": (settings["build-system"]["requires"], frozenset()),
    }
    if len(sys.argv) != 2 or sys.argv[1] not in parts:
        sys.exit(
            f"usage: lock.py {'|'.join(parts)}, in the folder of pyproject.toml "
            "(VARIANT is gpu or cpu)"
        )
    print(part(lock, *parts[sys.argv[1]]), end="")


if __name__ == "__main__":
    main()
