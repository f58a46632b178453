"""What the KFP UI shows of a finished stage.

This runs inside tasks. KFP's artifacts have `path` and `metadata`; kfp is not imported.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wordbrush.evaluation.methods import method_named
from wordbrush.kubeflow.tasks.provenance import about, effort, order_facts, shown
from wordbrush.params import load
from wordbrush.process import variable
from wordbrush.registry.gate import Decision
from wordbrush.registry.store import REGISTRY
from wordbrush.report.about import About
from wordbrush.report.downloads import write_download
from wordbrush.report.page import curve, read_csv
from wordbrush.report.sections import Section, section_page
from wordbrush.report.spoken import Spoken, spoken_in
from wordbrush.report.stage_pages import stage_page
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.stages.table import CHANGED, COMPARE, GATE, UNCHANGED
from wordbrush.storage.files import write_json
from wordbrush.storage.layout import PARAMS, Layout
from wordbrush.versioning.runs import StageRun

POINTER = "pointer.json"  # to an output in DVC's remote
SCORES = {
    "recall_10": "recall@10",
    "semantic": "semantic test",
    "score": "score, the mean of these",
}
TITLES = {
    "promoted": "Promoted: the new model is the champion",
    "rejected": "The champion stays",
    "unchanged": "Nothing changed",
}


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

    outputs: artifacts by DVC path; each becomes a folder for people, with a pointer to the DVC
    remote, which has all the bytes. lock: what the next stages read. page: HTML.
    scalars: Metrics. confusion, roc: ClassificationMetrics.
    """
    layout = Layout(run.workspace)
    write(lock, run.lock, {"stage": run.stage})
    origin = about(run, {path: artifact.uri for path, artifact in outputs.items()})
    made = {one.path: one for one in origin.outputs}
    pointers = {pointer.path: asdict(pointer) for pointer in run.pointers}
    for path, artifact in outputs.items():
        folder = Path(artifact.path)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / POINTER, pointers[path])
        write_download(folder, made[path], layout, origin)
        artifact.metadata.update(pointers[path])
    write(page, stage_page(run.stage, layout, origin, spoken(run)))
    if scalars is not None:
        log_scalars(scalars, run.metrics)
    if confusion is not None:
        names, matrix = confusion_matrix(layout)
        write(confusion, "")
        confusion.log_confusion_matrix(names, matrix)
    if roc is not None:
        write(roc, "")
        roc.log_roc_curve(*roc_curve(layout))


def spoken(run: StageRun) -> Spoken:
    """The captions of a run, whose shards are fetched only where a page asks for them.

    A stage that learns from speech reads no text; its page is made when it has finished.
    """
    rows_per_shard = load(run.workspace / PARAMS).captions.rows_per_shard

    def rows(samples: Iterable[int]) -> dict[int, dict]:
        shards = run.files.names(Layout().speech)
        places = [run.workspace / one for one in shards]
        return spoken_in(places, rows_per_shard, fetch)(samples)

    def fetch(paths: Sequence[Path]) -> None:
        run.files.fetch([path.relative_to(run.workspace) for path in paths])

    return rows


def publish_comparison(known: str | None, seconds: float, lock: Any, page: Any) -> str:
    """What the remote has of the run that begins. Returns `unchanged`, or `changed`.

    known: the lock of a finished run with the same keys whose outputs are all there.
    seconds: how long it took to find out.
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
    origin = About(order_facts(COMPARE) | effort(seconds))
    write(page, section_page(title, [Section("Why", text)], origin))
    return CHANGED if known is None else UNCHANGED


def publish_decision(decision: Decision, seconds: float, page: Any, scalars: Any) -> None:
    """What the gate decided, and why. seconds: how long it took."""
    numbers = {f"new.{name}": value for name, value in decision.new.items()}
    numbers |= {f"champion.{name}": value for name, value in (decision.champion or {}).items()}
    log_scalars(scalars, numbers | {"promoted": float(decision.promoted)})
    text = section_page(TITLES[decision.verdict], decided(decision), gate_origin(decision, seconds))
    metadata = {"version": decision.version, "method": decision.method, "margin": decision.margin}
    write(page, text, metadata)


def gate_origin(decision: Decision, seconds: float) -> About:
    """Who ordered the decision, what it took, what decided it, and where the champion is."""
    facts = order_facts(GATE) | effort(seconds)
    serves = decision.before if decision.verdict == "rejected" else decision.version
    if registry := variable(REGISTRY):
        facts["champion"] = f"{registry.rstrip('/')}/versions/{serves}"
    margin = {"promotion.margin": shown(decision.margin)}
    return About(facts, before=["report"], parameters=margin)


def decided(decision: Decision) -> list[Section]:
    """The decision for people: which model, by which method, and by which margin."""
    old = decision.champion or {}
    models = [
        ["", "new model", "champion before"],
        ["version", decision.version[:12], (decision.before or "none")[:12]],
        ["method", method_named(decision.method).title, "–"],
        *(
            [f"{SCORES[name]}, %", f"{value:.1f}", f"{old[name]:.1f}" if name in old else "–"]
            for name, value in decision.new.items()
        ),
    ]
    gain = decision.new["score"] - old["score"] if old else None
    rule = [
        ["score of the new model above the champion's", "points"],
        ["asked for (promotion.margin)", f"{decision.margin:+.1f}"],
        ["found", "–" if gain is None else f"{gain:+.1f}"],
    ]
    return [
        Section("Why", decision.reason),
        Section("The models", table=models),
        Section("The margin", table=rule),
    ]


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
