"""Who ordered a task, and what it took: what its page says of its own origin.

The compiled pipeline carries the order in an environment variable. KFP's cache does not look at
environment variables (`GenerateCacheKey` in its `backend/src/v2/cacheutils/cache.go`), and DVC's
keys do not know them: no result depends on it. kfp is not imported, since this runs in tasks.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wordbrush.kubeflow.durations import duration
from wordbrush.process import variable
from wordbrush.report import timings
from wordbrush.report.about import About, Output
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.storage.validation import validated_json
from wordbrush.versioning.locks import LOCK, read_lock
from wordbrush.versioning.runs import StageRun

VARIABLE = "WORDBRUSH_PROVENANCE"
POD = "KFP_POD_NAME"  # KFP sets it in every pod
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Provenance:
    """The order of a run, and where one of its tasks was sent.

    preset: None: params.yaml as it is. commit: of the checkout that ordered the run; a task whose
    code differs refuses to run. image: None: no container. pool: of the task. price: dollars an
    hour of its node, as the pools say. None: not known.
    """

    preset: str | None = None
    image: str | None = None
    commit: str | None = None
    pool: str | None = None
    price: float | None = None

    def as_text(self) -> str:
        """For the environment of a task."""
        return json.dumps(asdict(self))


def from_environment() -> Provenance | None:
    """What ordered this task; None where nothing says so."""
    text = variable(VARIABLE)
    return validated_json(Provenance, text.encode(), VARIABLE, "Compile again.") if text else None


def about(run: StageRun, downloads: dict[str, str]) -> About:
    """Where the results of a stage come from. downloads: addresses, by the path of the output."""
    lock = read_lock(run.workspace / LOCK)["stages"]
    parameters = lock[run.stage].get("params", {}).get(PARAMS, {})
    return About(
        order_facts(run.stage) | effort(run.seconds, work(run)),
        [
            Output(one.path, one.size, one.md5, one.uri, downloads.get(one.path))
            for one in run.pointers
        ],
        stages_before(run.stage, lock),
        {name: shown(value) for name, value in parameters.items()},
    )


def order_facts(task: str) -> dict[str, str]:
    """Who ordered the task, as sentences by name."""
    made = from_environment()
    facts = {"task": task, "Wordbrush": version("wordbrush")}
    if made is None:
        facts |= dict.fromkeys(("preset", "commit", "image"), UNKNOWN)
    else:
        facts |= {
            "preset": made.preset or "none: params.yaml as it is",
            "commit": made.commit or f"{UNKNOWN}: the pipeline was compiled without one",
            "image": made.image or "none: the task ran outside of containers",
        }
    facts |= {"pool": made.pool} if made and made.pool else {}
    facts |= {"pod": pod} if (pod := variable(POD)) else {}
    return facts | {"finished": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")}


def work(run: StageRun) -> str:
    """How much of a stage's time was work."""
    worked = sum(timings.read(Layout(run.workspace)).values())
    if not worked:
        return "an earlier run had made the outputs: they were fetched, not made again"
    return f"{duration(worked)} of work, the rest to fetch inputs and keep outputs"


def effort(seconds: float, note: str = "") -> dict[str, str]:
    """Duration and cost of the task's last attempt. note: on the duration."""
    made = from_environment()
    cost = f"{UNKNOWN}: the node pools name no price"
    if made and made.price:
        dollars = made.price * seconds / 3600
        cost = (
            f"about {dollars:.2g} $, at {made.price:g} $ an hour for a node of the pool "
            f"{made.pool}; without the start of the pod and earlier attempts"
        )
    elif made and made.image is None:
        cost = "none: it ran on somebody's own machine"
    return {
        "duration": f"{duration(seconds)} ({note})" if note else duration(seconds),
        "cost": cost,
    }


def stages_before(stage: str, lock: dict[str, Any]) -> list[str]:
    """The stages of a lock whose outputs `stage` read, in the lock's order."""
    read = [Path(dep["path"]) for dep in lock[stage].get("deps", [])]

    def feeds(other: str) -> bool:
        made = [Path(out["path"]) for out in lock[other].get("outs", [])]
        return any(one == dep or dep in one.parents for one in made for dep in read)

    return [other for other in lock if other != stage and feeds(other)]


def shown(value: Any) -> str:
    """A parameter, as YAML writes it in one line."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
