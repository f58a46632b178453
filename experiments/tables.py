"""Tables of several trials: means with 95 % intervals (Student's t over trials), as Markdown."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.stats import t

from experiments.runs import CONCEPT_TABLES, Variant
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.paper import EDIT_SUCCESS, FULL, REAL_IMAGES, published
from wordbrush.evaluation.results import (
    ConceptMetrics,
    ConceptTables,
    Hypothesis,
    Result,
    Results,
)
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json, whole_file

Row = list[str]
NOTHING = "–"


def heading(attribute: str) -> str:
    """An attribute as tables name it; CLEVR's schema spells `color`."""
    return "colour" if attribute == "color" else attribute


COLUMNS: dict[str, Callable[[Result], float | None]] = {
    "semantic": lambda one: one.get("semantic", {}).get("mean"),
    **{
        heading(name): (lambda one, name=name: one.get("semantic", {}).get(name))
        for name in ATTRIBUTES
    },
    **{f"R@{k}": (lambda one, k=k: one["recall"][k]) for k in ("1", "5", "10")},
    "median rank": lambda one: one["median_rank"],
    "real images": lambda one: one.get("real_images"),
    "edit success rate": lambda one: one.get("edit_success"),
}
GAINS = (
    ("hn_targeted_edits", "hard_negatives"),
    ("hn_random_edits", "hard_negatives"),
    ("targeted_edits", "davenet"),
    ("random_edits", "davenet"),
    ("hard_negatives", "davenet"),
)
GAINED = ("semantic", *map(heading, ATTRIBUTES), "R@1", "R@10", "real images")
MAPS = {
    "pointing": "pointing",
    "contested": "where objects compete",
    "overlap": "overlap",
    "naming": "naming",
}
# Of ablations, where it was measured.
MEASURED = {
    **{
        name: COLUMNS[name]
        for name in ("semantic", "shape", "R@1", "real images", "edit success rate")
    },
    **{
        f"counterfactuals {name}": (lambda one, name=name: one.get("counterfactuals", {}).get(name))
        for name in ("seen", "unseen")
    },
}
TITLES = {
    "validation": "Ablations, with a quarter of the pretraining steps and half of the steps with "
    "edits, on validation samples (their pairs, drawings and voices are in no test).",
    "tests": "What edits of one attribute teach: scenes and edits by the renderer, trained for "
    "as long, on the tests. Counterfactuals: how often a caption scores its scene above the "
    "renderer's edit of it, for scenes seen in training and for others.",
}
CLUSTERS = {
    "agreement": "same meaning seen and heard",
    "seen_f1": "mean best F1, seen",
    "heard_f1": "mean best F1, heard",
}
DETECTORS = 20  # shown
HYPOTHESIS = ("word", "F1", "precision", "recall", "occurrences")
STAGES = ("pretrained", "random edits", "targeted edits")


def write_tables(folder: Path, variants: dict[str, Variant]) -> None:
    """Write tables.md from the results in the folder."""
    trials = read_trials(folder)
    concepts = [
        read_json(path, ConceptMetrics)
        for path in files_of_trials(folder / "methods", "concepts.json")
    ]
    first = read_json(files_of_trials(folder / "methods", CONCEPT_TABLES)[0], ConceptTables)
    parts = [
        f"Percent, means of {len(trials)} trials with 95 % intervals over them (Student's t). In "
        "brackets: the paper's.",
        table(("method", *COLUMNS), methods(trials)),
        "The paper has one number each for real images, "
        f"{REAL_IMAGES['without edits']:g} (trained on rendered scenes, without edits) and "
        f"{REAL_IMAGES['with edits']:g} (on drawings, with edits), and for the edit success rate, "
        f"{EDIT_SUCCESS:g}.",
        *distinct_part(concepts[0]),
        "Gains, paired by trial:",
        table(("gain", *GAINED), gains(trials)),
        *concept_parts(concepts, first),
        *ablation_parts(folder, variants),
    ]
    with whole_file(folder / "tables.md") as out:
        out.write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def distinct_part(concepts: ConceptMetrics) -> list[str]:
    """How well captions identify pictures even for a perfect listener, where it was measured."""
    if "distinct" not in concepts:
        return []
    found = ", ".join(f"R@{k} {value:.1f}" for k, value in concepts["distinct"].items())
    return [f"A listener who knows every attribute, but not where objects lie: {found}."]


def concept_parts(trials: Sequence[ConceptMetrics], first: ConceptTables) -> list[str]:
    """Titles and tables of words, maps and concepts, where they have rows."""
    heard_and_seen = (f"{side} {name}" for side in ("heard", "seen") for name in HYPOTHESIS[:2])
    shown = method_named(FULL).title
    parts = [
        (
            "Words and maps (chance in brackets):",
            ("method", *MAPS.values(), "mean word F1", "words detected"),
            words(trials),
        ),
        (
            "Concepts after random edits (chance in brackets):",
            ("impostors", *CLUSTERS.values()),
            clusters(trials),
        ),
        (
            f"Units of {shown} as word detectors, first trial, the {DETECTORS} best:",
            ("unit", *HYPOTHESIS),
            detectors(first),
        ),
        (
            "The concepts of that method, by their F1 as word detectors:",
            ("units", *heard_and_seen),
            meanings(first),
        ),
    ]
    return [text for title, header, rows in parts if rows for text in (title, table(header, rows))]


def ablation_parts(folder: Path, variants: dict[str, Variant]) -> list[str]:
    """Titles and tables of the ablations that were measured."""
    parts = []
    for on, title in TITLES.items():
        header, rows = ablations(
            folder, {name: variant for name, variant in variants.items() if variant.on == on}
        )
        parts += [title, table(header, rows)] if rows else []
    return parts


def read_trials(folder: Path) -> list[Results]:
    return [
        read_json(path, Results) for path in files_of_trials(folder / "methods", "evaluation.json")
    ]


def files_of_trials(folder: Path, name: str) -> list[Path]:
    """This file of every trial, in order."""
    return sorted(folder.glob(f"*/{name}"), key=lambda path: int(path.parent.name))


def methods(trials: Sequence[Results]) -> list[Row]:
    return [
        [
            method_named(name).title,
            *(
                cell([value(trial[name]) for trial in trials], paper(name, column))
                for column, value in COLUMNS.items()
            ),
        ]
        for name in trials[0]
    ]


def paper(name: str, column: str) -> float | None:
    """The paper's number for this method, if it has one."""
    semantic, recall = published(name).semantic, published(name).recall
    known = {
        "semantic": semantic.get("mean"),
        **{heading(name): value for name, value in semantic.items()},
        **{f"R@{k}": found for k, found in recall.items()},
    }
    return known.get(column)


def gains(trials: Sequence[Results]) -> list[Row]:
    rows = []
    for name, base in GAINS:
        if not {name, base} <= set(trials[0]):
            continue
        changes = [
            [difference(COLUMNS[column], trial[name], trial[base]) for trial in trials]
            for column in GAINED
        ]
        reported = [(paper(name, column), paper(base, column)) for column in GAINED]
        rows.append(
            [
                f"{method_named(name).title} over {method_named(base).title}",
                *(
                    cell(change, None if None in (a, b) else a - b, "+")
                    for change, (a, b) in zip(changes, reported, strict=True)
                ),
            ]
        )
    return rows


def difference(value: Callable[[Result], float | None], one: Result, base: Result) -> float | None:
    """By how much a method's number exceeds that of `base`; None where one was not measured."""
    ours, theirs = value(one), value(base)
    return None if ours is None or theirs is None else ours - theirs


def words(trials: Sequence[ConceptMetrics]) -> list[Row]:
    rows = []
    for name in trials[0]["words"]:
        scores = [trial["words"][name] for trial in trials]
        maps = [[one for score in scores if (one := score.get(column))] for column in MAPS]
        rows.append(
            [
                method_named(name).title,
                *(
                    cell(
                        [one["value"] for one in column], np.mean([one["chance"] for one in column])
                    )
                    if column
                    else NOTHING
                    for column in maps
                ),
                *(cell([score[column] for score in scores]) for column in ("word_f1", "detected")),
            ]
        )
    return rows


def clusters(trials: Sequence[ConceptMetrics]) -> list[Row]:
    scores = {
        mining: [trial["clusters"][mining] for trial in trials] for mining in trials[0]["clusters"]
    }
    return [
        [
            mining,
            *(
                cell(
                    [score[column] for score in found],
                    np.mean([score["agreement_chance"] for score in found])
                    if column == "agreement"
                    else None,
                )
                for column in CLUSTERS
            ),
        ]
        for mining, found in scores.items()
    ]


def detectors(tables: ConceptTables) -> list[Row]:
    return [
        [str(one["unit"]), *hypothesis(one["hypotheses"][0])]
        for one in tables["detectors"][:DETECTORS]
    ]


def meanings(tables: ConceptTables) -> list[Row]:
    """A row for each cluster of the full method: the words that it detects, heard and seen."""
    concepts = tables["clusters"].get(method_named(FULL).mining, [])
    best_first = sorted(concepts, key=lambda one: -one["heard"]["f1"])
    return [
        [str(one["units"]), *hypothesis(one["heard"])[:2], *hypothesis(one["seen"])[:2]]
        for one in best_first
    ]


def hypothesis(one: Hypothesis) -> Row:
    """The cells of HYPOTHESIS."""
    return [
        one["label"],
        *(f"{one[name]:.1f}" for name in ("f1", "precision", "recall")),
        str(one["occurrences"]),
    ]


def ablations(folder: Path, variants: dict[str, Variant]) -> tuple[Row, list[Row]]:
    """Header and rows, without columns where nothing was measured."""
    header = ["choice", *(f"{stage}: {what}" for stage in STAGES for what in MEASURED)]
    rows = []
    for name, variant in variants.items():
        trials = [
            list(read_json(path, dict[str, dict]).values())
            for path in files_of_trials(folder / name, "measured.json")
        ]
        if trials:
            stages = [
                [trial[stage] if stage < len(trial) else {} for trial in trials]
                for stage in range(len(STAGES))
            ]
            rows.append(
                [
                    variant.title,
                    *(
                        cell([value(one) if one else None for one in stage])
                        for stage in stages
                        for value in MEASURED.values()
                    ),
                ]
            )
    kept = [column for column in range(len(header)) if any(row[column] != NOTHING for row in rows)]
    return [header[column] for column in kept], [[row[column] for column in kept] for row in rows]


def cell(values: Sequence[float | None], beside: float | None = None, sign: str = "") -> str:
    """Mean ± half the interval (if there are two values or more), with `beside` in brackets."""
    if any(value is None for value in values):
        return NOTHING
    interval = f" ± {half_interval(values):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):{sign}.1f}{interval}" + (
        "" if beside is None else f" ({beside:{sign}.1f})"
    )


def half_interval(values: Sequence[float]) -> float:
    """Half of Student's 95 % interval around the mean of two or more."""
    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))


def table(header: Sequence[str], rows: Sequence[Row]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
