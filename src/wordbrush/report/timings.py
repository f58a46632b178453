"""How long each stage took on this machine.

Kept outside the artifacts, whose bytes must not depend on it.
"""

import sys
from pathlib import Path

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import read_json, write_faults, write_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.locks import one_at_a_time
from wordbrush.storage.validation import Finite


def record(layout: Layout, stage: str, seconds: float) -> None:
    """Keep the seconds of a stage's last run, also where several stages end at once.

    A folder that cannot be written is one line on stderr: the stage is done all the same.
    """
    path = _path(layout)
    try:
        with write_faults(path), one_at_a_time(path):
            write_json(path, {**read(layout), stage: round(seconds, 1)})
    except WordbrushError as error:
        print(f"the time of {stage} is not kept: {error}", file=sys.stderr, flush=True)


def read(layout: Layout) -> dict[str, float]:
    """Seconds by stage, in the order of their first run; empty where nothing readable is there."""
    try:
        return read_json(_path(layout), dict[str, Finite])
    except WordbrushError:  # no result depends on it
        return {}


def _path(layout: Layout) -> Path:
    return layout.root / ".wordbrush/timings.json"
