"""What is shown of three senses: how they find each other, what classifiers carry over, and units
that respond alike to all three."""

from dataclasses import dataclass

import numpy as np

from wordbrush.evaluation.results import Estimate
from wordbrush.report import figures
from wordbrush.report.results_section import Cell, Rows, cell
from wordbrush.senses.config import SENSES
from wordbrush.senses.names import WAYS, way
from wordbrush.senses.names import cell as cell_name
from wordbrush.senses.published import CHANCE, OF, RANKS, ZERO_SHOT
from wordbrush.senses.results import UNITS, Aligned, SensesMetrics, ShownUnit
from wordbrush.storage.files import open_array, read_json, require_file
from wordbrush.storage.layout import Layout

OURS = "trained network"
THEIRS = "Aytar et al."
COLUMNS = 2  # of the pictures of a unit


@dataclass(frozen=True)
class UnitCard:
    """A unit, with pictures and sounds as data URIs, and texts."""

    unit: int
    correlation: float
    pictures: str
    texts: list[str]
    sounds: list[str]


@dataclass(frozen=True)
class SensesContent:
    """cases: among how many each is found. unheard: what can be told of colours without hearing
    them, where objects are struck."""

    cases: int
    ranks: Rows
    zero_shot: Rows
    units: list[UnitCard]
    unheard: Estimate | None


def read_senses(layout: Layout) -> SensesContent | None:
    """What the stage measured; None where it was not asked to."""
    path = layout.metrics("senses")
    if not path.is_file():
        return None
    found = read_json(path, SensesMetrics)
    if "ours" not in found:
        return None
    methods = {OURS: found["ours"], **found.get("baselines", {})}
    return SensesContent(
        found["cases"],
        ranks_table(methods, found["cases"]),
        zero_shot_table(methods),
        unit_cards(layout),
        found.get("unheard"),
    )


def ranks_table(methods: dict[str, Aligned], cases: int) -> Rows:
    """A row for each method: the median rank of each direction; what chance gives; and what others
    report, of other data."""
    table = Rows([way(*two) for two in WAYS])
    for name, aligned in methods.items():
        cells = [estimate(aligned["ranks"].get(one)) for one in table.columns]
        table.rows.append((name, cells, name == OURS))
    chance = [Cell(f"{(cases + 1) / 2:g}") for _ in table.columns]
    table.rows.append(("chance", chance, False))
    for name, ranks in RANKS.items():
        theirs = [Cell(f"{ranks[one]:g}") for one in table.columns]
        table.rows.append((f"{THEIRS}, {name} (of {OF})", theirs, False))
    return table


def zero_shot_table(methods: dict[str, Aligned]) -> Rows:
    """A row for each two senses: the accuracy of the trained network by attribute, and of other
    methods, in percent; 50 is chance. Last, what others report of choices of another kind."""
    ours = methods[OURS]["zero_shot"]
    attributes = list(next(iter(ours.values())))
    others = [name for name in methods if name != OURS]
    table = Rows([*attributes, *others, f"{THEIRS}, both (chance {CHANCE:g})"])
    for learned in SENSES:
        for asked in SENSES:
            name = cell_name(learned, asked)
            theirs = [methods[one]["zero_shot"].get(name, {}).get("mean") for one in others]
            cells = map(estimate, [*(ours[name][one] for one in attributes), *theirs])
            reported = ZERO_SHOT["both"][name]
            last = Cell() if reported is None else Cell(f"{reported:g}")
            table.rows.append((f"{learned} → {asked}", [*cells, last], learned == asked))
    return table


def estimate(one: Estimate | None) -> Cell:
    """A number with its interval."""
    return cell(one["value"], one) if one else Cell()


def unit_cards(layout: Layout) -> list[UnitCard]:
    """The units that respond alike to the three senses, with what excites each most."""
    units = read_json(layout.senses / UNITS, list[ShownUnit])
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))

    def card(one: ShownUnit) -> UnitCard:
        pictures = np.stack([images[number] for number in one["pictures"]])
        files = [require_file(layout.senses / name) for name in one["sounds"]]
        sounds = [figures.flac(file.read_bytes()) for file in files]
        seen = figures.png(figures.tile(pictures, COLUMNS))
        return UnitCard(one["unit"], one["correlation"], seen, one["texts"], sounds)

    return [card(one) for one in units]
