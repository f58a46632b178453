"""How much memory is left, and a refusal before more than that is asked for. Loads no torch."""

from collections.abc import Iterator
from pathlib import Path

import psutil

from wordbrush.errors import WordbrushError

CGROUP = Path("/sys/fs/cgroup")
SMALL = 1 << 28  # bytes for which it is not worth to look


def require_memory(what: str, needed: int, advice: str, free: int | None = None) -> None:
    """Raises WordbrushError where `needed` bytes are more than the `free` ones.

    free: if not given, what the machine or the container has left. advice: what to change in
    params.yaml.
    """
    if needed <= SMALL:
        return
    free = free_memory() if free is None else free
    if needed > free:
        raise WordbrushError(
            f"{what} would take {needed / 2**30:.1f} GiB of memory, but {free / 2**30:.1f} GiB are "
            f"free: {advice} in params.yaml."
        )


def free_memory() -> int:
    """Bytes that this process may still use, of the machine and of its container."""
    return min([psutil.virtual_memory().available, *_left_in_container()])


def _left_in_container() -> Iterator[int]:
    """By control groups v2: the limit less what is used and is no cache that can be dropped."""
    try:
        limit, used = (
            (CGROUP / "memory.max").read_text().strip(),
            int((CGROUP / "memory.current").read_text()),
        )
        counted = dict(line.split() for line in (CGROUP / "memory.stat").read_text().splitlines())
        cached = sum(
            int(counted.get(name, 0))
            for name in ("inactive_file", "active_file", "slab_reclaimable")
        )
    except (OSError, ValueError):
        return
    if limit != "max":
        yield max(0, int(limit) - used + cached)
