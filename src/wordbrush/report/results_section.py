"""The tables of results, as rows of cells; a column or a cell without a number is left empty."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from wordbrush.data.language_names import language_name
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.paper import published
from wordbrush.evaluation.results import (
    GROUP_TITLES,
    RECALL_LEVELS,
    ConceptMetrics,
    EngineScores,
    Estimate,
    GroupScores,
    GroupSummary,
    Interval,
    Measured,
    Result,
    Results,
    Ways,
)

NOTHING = "–"
MapTest = Literal["pointing", "contested", "overlap", "naming"]
MAPS: dict[MapTest, str] = {
    "pointing": "place",
    "contested": "contested",
    "overlap": "overlap",
    "naming": "time",
}

KNOWN = {  # sets of evaluation.known
    "trained": "captions that training heard",
    "shuffled": "pairs as training heard them, shuffled",
    "unheard": "captions that it did not hear",
}


@dataclass(frozen=True)
class Cell:
    """A number in percent, its interval in brackets, and one to compare with, below it."""

    value: str = NOTHING
    interval: str = ""
    below: str = ""


@dataclass
class Rows:
    """A table: names of columns, and for each method (or engine) its title, its cells, and whether
    it is the best."""

    columns: list[str]
    rows: list[tuple[str, list[Cell], bool]] = field(default_factory=list)

    def add(self, name: str, cells: list[Cell], best: str) -> None:
        self.rows.append((method_named(name).title, cells, name == best))


def results_section(results: Results, best: str) -> dict[str, Rows]:
    """The tables `semantic` (P Table 1) and `recall` (P Table 2, with the other tests).

    `semantic` has no columns where it was not measured.
    """
    first = next((one["semantic"] for one in results.values() if "semantic" in one), {})
    semantic = Rows(list(first))
    recall = Rows(["R@1", "R@5", "R@10", "median rank", "real images", "edit success rate"])
    for name, result in results.items():
        semantic.add(name, [semantic_cell(name, result, one) for one in semantic.columns], best)
        recall.add(name, recall_cells(name, result), best)
    return {"semantic": semantic, "recall": recall}


def ways_section(results: Results, best: str) -> Rows:
    """Retrieval in each direction, a row of its own, with intervals; no rows where it was not
    measured."""
    table = Rows([*(f"R@{k}" for k in RECALL_LEVELS), "median rank"])
    for name, result in results.items():
        if ways := result.get("ways"):
            for what, cells in ways_cells(ways):
                table.rows.append((f"{method_named(name).title}: {what}", cells, name == best))
    return table


def known_section(result: Result) -> Rows:
    """Retrieval of a method among pictures that training saw; no rows where it was not measured."""
    table = Rows([*(f"R@{k}" for k in RECALL_LEVELS), "median rank"])
    for name, ways in result.get("known", {}).items():
        kind, _, language = name.partition(" ")
        for what, cells in ways_cells(ways):
            spoken = f", in {language_name(language)}" if language else ""
            title = f"{KNOWN[kind]}{spoken}: {what}"
            table.rows.append((title, cells, False))
    return table


def ways_cells(ways: Ways) -> Iterator[tuple[str, list[Cell]]]:
    """Both directions: recall with its interval and chance, and the median rank."""
    for what, way in (
        ("a caption finds its picture", ways["pictures"]),
        ("a picture finds a caption", ways["captions"]),
    ):
        found = [(way["recall"][k], way["chance"][k]) for k in RECALL_LEVELS]
        cells = [cell(one["value"], one, chance) for one, chance in found]
        yield what, [*cells, Cell(f"{way['median_rank']:.0f}")]


def semantic_cell(name: str, result: Result, attribute: str) -> Cell:
    """The accuracy of an attribute, and the paper's."""
    interval = result["intervals"].get("semantic", {}).get(attribute)
    return cell(
        result.get("semantic", {}).get(attribute),
        interval,
        published(name).semantic.get(attribute),
    )


def recall_cells(name: str, result: Result) -> list[Cell]:
    """Recall with the paper's, median rank, real images and edit success rate."""
    return [
        *(cell(result["recall"][k], None, published(name).recall.get(k)) for k in RECALL_LEVELS),
        Cell(f"{result['median_rank']:.0f}"),
        cell(result.get("real_images"), result["intervals"].get("real_images")),
        cell(result.get("edit_success")),
    ]


def word_scores_section(metrics: ConceptMetrics, best: str) -> Rows:
    """Where and when matchmaps fire, and words by their best unit."""
    maps = [one for one in MAPS if any(one in scores for scores in metrics["words"].values())]
    table = Rows([*(MAPS[one] for one in maps), "word F1", "words"])
    for name, scores in metrics["words"].items():
        cells = [measured_cell(scores.get(one)) for one in maps]
        cells += [cell(scores["word_f1"]), Cell(str(scores["detected"]))]
        table.add(name, cells, best)
    return table


def engines_section(groups: GroupScores, summaries: dict[str, GroupSummary]) -> Rows:
    """How every group of voices is understood, engine by engine, and over the voices of all its
    engines where there are several; no columns where there is none."""
    every = [scores for engines in groups.values() for scores in engines.values()]
    if not every:
        return Rows([])
    attributes = list(every[0].get("semantic", {}))
    recall = [f"R@{k}" for k in RECALL_LEVELS]
    table = Rows(["voices", *attributes, *recall, "word F1", "words", *MAPS.values()])
    for group, engines in groups.items():
        for engine, scores in engines.items():
            cells = engine_cells(scores, attributes)
            table.rows.append((f"{GROUP_TITLES.get(group, group)}: {engine}", cells, False))
        if len(engines) > 1:
            cells = group_cells(summaries[group], table.columns)
            table.rows.append((f"{GROUP_TITLES.get(group, group)}: all engines", cells, False))
    return table


def group_cells(one: GroupSummary, columns: list[str]) -> list[Cell]:
    """The cells of a whole group, of which fewer things are measured."""
    semantic, recall = one.get("semantic"), one["recall_10"]
    known = {
        "voices": Cell(str(one["voices"])),
        "mean": cell(semantic["value"], semantic) if semantic else Cell(),
        "R@10": cell(recall["value"], recall),
    }
    return [known.get(name, Cell()) for name in columns]


def engine_cells(scores: EngineScores, attributes: list[str]) -> list[Cell]:
    """The cells of an engine; of a single voice without intervals, which would be over voices."""

    def shown(one: Estimate | Measured | None, chance: float | None = None) -> Cell:
        if one is None:
            return Cell()
        return cell(one["value"], one if len(scores["voices"]) > 1 else None, chance)

    semantic, maps = scores.get("semantic", {}), [scores.get(name) for name in MAPS]
    return [
        Cell(str(len(scores["voices"]))),
        *(shown(semantic.get(name)) for name in attributes),
        *(shown(scores["recall"][k]) for k in RECALL_LEVELS),
        shown(scores["word_f1"]),
        Cell(str(scores["detected"])),
        *(shown(one, one and one["chance"]) for one in maps),
    ]


def measured_cell(one: Measured | None) -> Cell:
    """A number with its chance."""
    return cell(one["value"], one, one["chance"]) if one else Cell()


def cell(value: float | None, interval: Interval | None = None, below: float | None = None) -> Cell:
    """Numbers as they are shown."""
    if value is None:
        return Cell()
    return Cell(
        f"{value:.1f}",
        f"[{interval['low']:.0f}–{interval['high']:.0f}]" if interval else "",
        "" if below is None else f"{below:.1f}",
    )
