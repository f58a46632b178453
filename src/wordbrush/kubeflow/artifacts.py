"""What the KFP UI shows of a finished stage.

This runs inside tasks. KFP's artifacts have `path` and `metadata`; kfp is not imported.
"""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wordbrush.registry.gate import Decision
from wordbrush.report.page import curve, read_csv
from wordbrush.report.stage_pages import Section, section_page, stage_page
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.stages.table import CHANGED, UNCHANGED
from wordbrush.storage.layout import Layout
from wordbrush.versioning.runs import StageRun


def publish(
    run: StageRun,
    outputs: dict[str, Any],
    lock: Any,
    page: Any,
    scalars: Any = None,
    confusion: Any = None,
    roc: Any = None,
) -> None:
    """Fill the artifacts of a task.

    outputs: artifacts by DVC path; each becomes a pointer, since the DVC remote has the bytes.
    lock: what the next stages read. page: HTML.
    scalars: Metrics. confusion, roc: ClassificationMetrics.
    """
    layout = Layout(run.workspace)
    write(lock, run.lock, {"stage": run.stage})
    pointers = {pointer.path: asdict(pointer) for pointer in run.pointers}
    for path, artifact in outputs.items():
        write(artifact, json.dumps(pointers[path], indent=1), pointers[path])
    write(page, stage_page(run.stage, layout))
    if scalars is not None:
        log_scalars(scalars, run.metrics)
    if confusion is not None:
        names, matrix = confusion_matrix(layout)
        write(confusion, "")
        confusion.log_confusion_matrix(names, matrix)
    if roc is not None:
        write(roc, "")
        roc.log_roc_curve(*roc_curve(layout))


def publish_comparison(known: str | None, lock: Any, page: Any) -> str:
    """What the remote has of the run that begins. Returns `unchanged`, or `changed`.

    known: the lock of a finished run with the same keys whose outputs are all there.
    """
    write(lock, known or "")
    if known is None:
        title, text = "Stages run", "The remote lacks results of this code with these parameters."
    else:
        title = "Nothing to do"
        text = (
            "The remote has all results of this code with these parameters. No stage starts, and "
            "`pipeline.py adopt` takes over the results as those of this run."
        )
    write(page, section_page(title, [Section(text)]))
    return CHANGED if known is None else UNCHANGED


def publish_decision(decision: Decision, page: Any, scalars: Any) -> None:
    """What the gate decided, and why."""
    numbers = {f"new.{name}": value for name, value in decision.new.items()}
    numbers |= {f"champion.{name}": value for name, value in (decision.champion or {}).items()}
    log_scalars(scalars, numbers | {"promoted": float(decision.promoted)})
    title = "Promoted" if decision.promoted else "The champion stays"
    old = decision.champion or {}
    table = [
        ["percent", "new", "champion"],
        *(
            [name, f"{value:.1f}", f"{old[name]:.1f}" if name in old else "–"]
            for name, value in decision.new.items()
        ),
    ]
    text = section_page(title, [Section(decision.reason, table=table)])
    write(page, text, {"version": decision.version, "method": decision.method})


def log_scalars(artifact: Any, numbers: dict[str, float]) -> None:
    """Fill a Metrics artifact. Without a file, KFP never finds the task in its cache."""
    write(artifact, json.dumps(numbers, indent=1))
    for name, value in numbers.items():
        artifact.log_metric(name, value)


def write(artifact: Any, text: str, metadata: dict[str, Any] | None = None) -> None:
    """Write an artifact's file, and add to its metadata."""
    path = Path(artifact.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    artifact.metadata.update(metadata or {})


def confusion_matrix(layout: Layout) -> tuple[list[str], list[list[int]]]:
    """How the segmenter read attributes of held-out scenes.

    Returns the values of all attributes, and how often each (row) was read as each (column).
    """
    counts = Counter(
        (row["actual"], row["predicted"]) for row in read_csv(layout.plots("segmenter_confusion"))
    )
    names = [value for values in ATTRIBUTES.values() for value in values]
    return names, [[counts[row, column] for column in names] for row in names]


def roc_curve(layout: Layout) -> tuple[list[float], list[float], list[float]]:
    """False and true positive rates of the best method, and KFP's thresholds.

    A threshold is the share of mismatched pairs below the level.
    """
    false, true = curve(layout.plots("roc"), "false_positive_rate", "true_positive_rate")
    return false, true, [1 - rate for rate in false]
