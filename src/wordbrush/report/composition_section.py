"""What is shown of composition: all methods in short, the best by what was exchanged, and pairs."""

from typing import Any

from wordbrush.data.composition import Medium
from wordbrush.evaluation.composed import MEDIA, SCORES, SHOWN, Test, score_of
from wordbrush.evaluation.results import (
    ComposedExample,
    Composition,
    CompositionTables,
    PairScores,
    Results,
)
from wordbrush.report import figures
from wordbrush.report.results_section import Cell, Rows, measured_cell
from wordbrush.storage.files import open_array, read_json
from wordbrush.storage.layout import Layout

TESTS: dict[Test, str] = {
    "wrong_words": "one word wrong",
    "exchanges": "exchanged",
    "hard_positives": "said otherwise",
}
KINDS = {
    "left_right": "left and right",
    "front_behind": "front and behind",
    "attributes": "attributes together",
    "relations": "relations together",
    "synonym": "a synonym",
    "voice": "another voice",
    "order": "another order",
    "all": "together",
}


def composition_section(results: Results, best: str) -> dict[Medium, Rows]:
    """A table of all methods, on drawings and on scenes, where they were measured."""
    tables: dict[Medium, Rows] = {}
    for medium in MEDIA:
        found = {
            name: result.get("composition", {}).get(medium, {}) for name, result in results.items()
        }
        shown = [name for name in SHOWN if any(name in numbers for numbers in found.values())]
        if shown:
            tables[medium] = Rows([SHOWN[name].title for name in shown])
            for method, numbers in found.items():
                cells = [measured_cell(numbers.get(name)) for name in shown]
                tables[medium].add(method, cells, best)
    return tables


def read_composition(layout: Layout, method: str) -> Composition:
    """What a method hears of composition; nothing where it was not measured."""
    path = layout.evaluation / "composition.json"
    return read_json(path, CompositionTables).get(method, {}) if path.is_file() else {}


def kinds_section(composition: Composition) -> Rows:
    """A method by what is wrong, exchanged or said otherwise, on scenes, and on drawings."""
    table = Rows(["pairs", *SCORES, "drawings", "choice, drawings"])
    for test, title in TESTS.items():
        media = composition.get(test, {})
        scenes, drawings = media.get("scenes", {}), media.get("drawings", {})
        for kind in dict.fromkeys((*scenes, *drawings)):
            cells = kind_cells(scenes.get(kind), drawings.get(kind))
            table.rows.append((f"{title}: {KINDS.get(kind, kind)}", cells, False))
    return table


def kind_cells(scenes: PairScores | None, drawings: PairScores | None) -> list[Cell]:
    """The cells of a row of `kinds_section`."""
    return [
        Cell(str(scenes["pairs"])) if scenes else Cell(),
        *(measured_cell(score_of(scenes, name)) for name in SCORES),
        Cell(str(drawings["pairs"])) if drawings else Cell(),
        measured_cell(score_of(drawings, "choice")),
    ]


def pairs_section(layout: Layout) -> list[dict[str, Any]]:
    """Pairs of scenes with their captions, and whether each picture fits its own better."""
    file = layout.evaluation / "composed.json"
    if not file.is_file():
        return []
    examples = read_json(file, list[ComposedExample])
    shape = (len(examples), 2, None, None, 3)
    pictures = open_array(layout.evaluation / "composed.npy", "uint8", shape)
    return [
        {
            "title": f"{TESTS[one['test']]}: {KINDS.get(one['kind'], one['kind'])}",
            "images": [figures.png(picture) for picture in pair],
            "texts": one["texts"],
            "right": [one["scores"][k][k] > one["scores"][k][1 - k] for k in range(2)],
        }
        for one, pair in zip(examples, pictures, strict=True)
    ]
