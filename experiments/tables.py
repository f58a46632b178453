"""Tables of several trials: means with 95 % intervals (Student's t over trials), as Markdown."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import t

from experiments.runs import Variant
from wordbrush.evaluation.paper import EDIT_SUCCESS, METHODS, REAL_IMAGES
from wordbrush.evaluation.results import ConceptMetrics, Result, Results
from wordbrush.runtime.files import read_json, whole_file
from wordbrush.scenes.world import ATTRIBUTES

Row = list[str]
NOTHING = "–"
COLUMNS: dict[str, Callable[[Result], float | None]] = {
    "semantic": lambda one: one["semantic"]["mean"],
    **{name: (lambda one, name=name: one["semantic"][name]) for name in ATTRIBUTES},
    **{f"R@{k}": (lambda one, k=k: one["recall"][k]) for k in ("1", "5", "10")},
    "median rank": lambda one: one["median_rank"],
    "real pictures": lambda one: one.get("real_images"),
    "edits that count": lambda one: one["edit_success"],
}
GAINS = (("hn_targeted_edits", "hard_negatives"), ("hn_random_edits", "hard_negatives"), ("targeted_edits", "davenet"),
         ("random_edits", "davenet"), ("hard_negatives", "davenet"))
GAINED = ("semantic", *ATTRIBUTES, "R@1", "R@10", "real pictures")
WORDS = {"pointing": "pointing", "contested": "where objects compete", "overlap": "overlap", "naming": "naming"}
MEASURED = ("semantic", "R@10", "real pictures", "edits that count")   # of ablations, where there is anything
TITLES = {"validation": "Ablations, pretrained for a quarter of the steps, on validation (pairs, drawings, voices of no test).",
          "tests": "Upper bounds, on the tests."}
STAGES = ("pretrained", "random edits", "targeted edits")


def write_tables(folder: Path, variants: dict[str, Variant]) -> None:
    """tables.md of a folder of results, from what is there."""
    trials = [read_json(path, Results) for path in measured(folder / "methods", "evaluation.json")]
    concepts = [read_json(path, ConceptMetrics) for path in measured(folder / "methods", "concepts.json")]
    parts = [f"Percent, means of {len(trials)} trials with 95 % intervals over them (Student's t). In brackets: the paper's.",
             table(("method", *COLUMNS), methods(trials)),
             "A listener who knows every attribute, but no places: " + ", ".join(
                 f"R@{k} {found:.1f}" for k, found in concepts[0]["distinct"].items()) + ".", "Gains, paired by trial:",
             table(("gain", *GAINED), gains(trials)), "Words and places (chance in brackets):",
             table(("method", *WORDS.values(), "mean word F1", "words detected"), words(concepts))]
    for on, title in TITLES.items():
        header, rows = ablations(folder, {name: variant for name, variant in variants.items() if variant.on == on})
        parts += [title, table(header, rows)] if rows else []
    with whole_file(folder / "tables.md") as out:
        out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def measured(folder: Path, name: str) -> list[Path]:
    """This file of every trial, in order."""
    return sorted(folder.glob(f"*/{name}"), key=lambda path: int(path.parent.name))


def methods(trials: Sequence[Results]) -> list[Row]:
    return [[method.title, *(cell([value(trial[name]) for trial in trials], paper(name, column))
                             for column, value in COLUMNS.items())] for name, method in METHODS.items()]


def paper(name: str, column: str) -> float | None:
    """What the paper reports, where it does."""
    method = METHODS[name]
    known = {"semantic": method.semantic["mean"], **method.semantic, **{f"R@{k}": found for k, found in method.recall.items()}}
    if method.edits:
        known |= {"edits that count": EDIT_SUCCESS, "real pictures": REAL_IMAGES["with edits"]}
    else:
        known |= {"real pictures": REAL_IMAGES["without edits"]}
    return known.get(column)


def gains(trials: Sequence[Results]) -> list[Row]:
    rows = []
    for name, base in GAINS:
        changes = [[COLUMNS[column](trial[name]) - COLUMNS[column](trial[base]) for trial in trials] for column in GAINED]
        published = [(paper(name, column), paper(base, column)) for column in GAINED]
        rows.append([f"{METHODS[name].title} over {METHODS[base].title}",
                     *(cell(change, a - b if None not in (a, b) and column != "real pictures" else None, "+")
                       for column, change, (a, b) in zip(GAINED, changes, published, strict=True))])
    return rows


def words(trials: Sequence[ConceptMetrics]) -> list[Row]:
    rows = []
    for name, method in METHODS.items():
        scores = [trial["words"][name] for trial in trials]
        places = [[score[column] for score in scores if score[column]] for column in WORDS]
        rows.append([method.title, *(cell([one["value"] for one in column], np.mean([one["chance"] for one in column]))
                                     if column else NOTHING for column in places),
                     *(cell([score[column] for score in scores]) for column in ("word_f1", "detected"))])
    return rows


def ablations(folder: Path, variants: dict[str, Variant]) -> tuple[Row, list[Row]]:
    """Header and rows; columns where nothing was measured are left out."""
    header = ["choice", *(f"{stage}: {what}" for stage in STAGES for what in MEASURED)]
    rows = []
    for name, variant in variants.items():
        trials = [list(read_json(path, dict[str, dict]).values()) for path in measured(folder / name, "measured.json")]
        if trials:
            stages = [[trial[stage] if stage < len(trial) else {} for trial in trials] for stage in range(len(STAGES))]
            rows.append([variant.title, *(cell([COLUMNS[column](one) if one else None for one in stage])
                                          for stage in stages for column in MEASURED)])
    kept = [column for column in range(len(header)) if any(row[column] != NOTHING for row in rows)]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def cell(values: Sequence[float | None], beside: float | None = None, sign: str = "") -> str:
    """Mean ± half the interval, which one value has not; `beside` in brackets."""
    if any(value is None for value in values):
        return NOTHING
    interval = ""
    if len(values) > 1:
        interval = f" ± {t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)):.1f}"
    return f"{np.mean(values):{sign}.1f}{interval}" + ("" if beside is None else f" ({beside:{sign}.1f})")


def table(header: Sequence[str], rows: Sequence[Row]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
