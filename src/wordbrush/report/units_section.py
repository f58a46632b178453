"""What is shown of discrete units: what layers hear, and codes as ranked word detectors (V)."""

from typing import Any

from wordbrush.evaluation.results import Detector, Estimate, LayerScores, Results, Units, UnitTables
from wordbrush.report import figures
from wordbrush.report.results_section import Cell, Rows, cell
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout

COLUMNS = (
    "ms a frame",
    "ABX error",
    "codes",
    "perplexity",
    "bits/s",
    "ABX of codes",
    "word F1",
    "words",
)
RECALL = "R@10"


def units_section(results: Results, best: str) -> Rows:
    """A row for every layer of a method; none where it has no codes."""
    table = Rows(list(COLUMNS))
    for layer, scores in results[best].get("units", {}).items():
        table.rows.append((layer_title(layer), layer_cells(scores), False))
    return table


def layer_title(layer: str) -> str:
    """features -> log-mels, 2 -> layer 2."""
    return f"layer {layer}" if layer.isdecimal() else "log-mels"


def layer_cells(scores: LayerScores) -> list[Cell]:
    """The cells of a row of `units_section`."""
    first = [Cell(f"{scores['frame_ms']:g}"), estimate_cell(scores.get("abx"))]
    found = scores.get("codebook")
    if found is None:
        return [*first, *[Cell()] * (len(COLUMNS) - len(first))]
    detected = Cell()
    if "words" in found:
        detected = Cell(f"{found['detected']} of {found['words']}")
    return [
        *first,
        Cell(f"{found['used']} of {found['codes']}"),
        cell(found["perplexity"]),
        cell(found["bitrate"]),
        estimate_cell(found.get("abx")),
        cell(found.get("word_f1")),
        detected,
    ]


def estimate_cell(one: Estimate | None) -> Cell:
    """A number with its interval."""
    return cell(one["value"], one) if one else Cell()


def unit_methods_section(results: Results, best: str) -> Rows:
    """Of all methods, recall, and the words that each codebook detects."""
    layers = [
        layer
        for layer, scores in next(iter(results.values())).get("units", {}).items()
        if "codebook" in scores
    ]
    if not layers:
        return Rows([])
    titles = [f"{what}, {layer_title(one)}" for one in layers for what in ("word F1", "words")]
    table = Rows([RECALL, *titles])
    for name, result in results.items():
        cells = [cell(result["recall"]["10"], result["intervals"]["recall_10"])]
        for layer in layers:
            cells += layer_cells(result.get("units", {})[layer])[-2:]
        table.add(name, cells, best)
    return table


def abx_chart(units: Units) -> str | None:
    """ABX error by layer, before and behind codebooks; None where no phones are known."""
    order = list(units)
    plain = [
        (number, one["abx"]["value"]) for number, one in enumerate(units.values()) if "abx" in one
    ]
    if not plain:
        return None
    codes = [
        (order.index(layer), one["codebook"]["abx"]["value"])
        for layer, one in units.items()
        if "codebook" in one and "abx" in one["codebook"]
    ]
    series = {"layers": plain, "their codes": codes}
    lines = {
        name: ([float(x) for x, _ in points], [y for _, y in points])
        for name, points in series.items()
        if points
    }
    return figures.chart(lines, "layer (0: log-mels)", "ABX error, %")


def word_chart(units: Units) -> str | None:
    """Mean F1 of words by the layer of their codes; None where there is nothing to compare."""
    found = [
        (float(number), one["codebook"]["word_f1"])
        for number, one in enumerate(units.values())
        if "word_f1" in one.get("codebook", {})
    ]
    if len(found) < 2:
        return None
    layers, scores = ([*side] for side in zip(*found, strict=True))
    return figures.chart({"codes": (layers, scores)}, "layer", "word F1, %")


def best_layer(units: Units) -> str | None:
    """The layer whose codes detect words best; of equals, the first."""
    found = {
        layer: scores["codebook"].get("word_f1", 0.0)
        for layer, scores in units.items()
        if "codebook" in scores
    }
    return max(found, key=lambda layer: found[layer]) if found else None


def code_detectors(layout: Layout, results: Results, best: str) -> dict[str, list[Detector]]:
    """By the title of its layer, the codes of a method, ranked; the layer that hears words best
    comes first. Empty where there are none."""
    path = layout.evaluation / "units.json"
    units = results[best].get("units", {})
    if not units or not path.is_file():
        return {}
    tables = read_json(path, UnitTables).get(best, {})
    first = best_layer(units)
    layers = sorted(tables, key=lambda layer: (layer != first, layer))
    return {layer_title(layer): tables[layer] for layer in layers if tables[layer]}


def unit_content(layout: Layout, results: Results, best: str, shown: int) -> dict[str, Any]:
    """What the page shows: the tables, the chart, and the best detectors of each codebook."""
    units = results[best].get("units", {})
    return {
        "layers": units_section(results, best),
        "methods": unit_methods_section(results, best),
        "abx": abx_chart(units),
        "heard": word_chart(units),
        "detectors": {
            layer: rows[:shown] for layer, rows in code_detectors(layout, results, best).items()
        },
    }
