"""How long each stage took on this machine; kept outside the artifacts, whose bytes must not depend on it."""

from wordbrush.runtime.files import read_json, write_json
from wordbrush.runtime.layout import Layout


def _path(layout: Layout):
    return layout.root / ".wordbrush/timings.json"


def record(layout: Layout, stage: str, seconds: float) -> None:
    """Keep the seconds of a stage's last run."""
    write_json(_path(layout), {**read(layout), stage: round(seconds, 1)})


def read(layout: Layout) -> dict[str, float]:
    """Seconds by stage, in the order of their first run; empty where nothing was recorded."""
    return read_json(_path(layout)) if _path(layout).is_file() else {}
