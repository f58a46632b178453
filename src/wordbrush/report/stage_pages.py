"""One small page a stage, for the KFP UI.

The UI shows it in a sandboxed frame: everything is embedded, in 2 MB at most.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from wordbrush.concepts.store import ConceptSet
from wordbrush.data.recordings import read_shards
from wordbrush.evaluation.results import Results
from wordbrush.report import figures
from wordbrush.report.page import DETECTORS_SHOWN, curve, render
from wordbrush.report.records import GridFile, read_concepts
from wordbrush.report.results_section import Cell, Rows, results_section
from wordbrush.storage.files import open_array, read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Finite

LIMIT = 2_000_000  # bytes; what the KFP UI shows without trouble
PICTURES, COLUMNS = 48, 12
CAPTIONS_SHOWN = 8
FLOOR = (40, 40, 46)
MASK_COLOURS = np.array(
    [FLOOR, *(tuple(bytes.fromhex(accent[1:])) for accent in figures.ACCENTS)], np.uint8
)


@dataclass(frozen=True)
class Section:
    """A heading with pictures, charts, sounds beside texts, and a table.

    Pictures are data URIs; the first row of a table names its columns.
    """

    title: str
    pictures: list[str] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)
    spoken: list[tuple[str, str, str]] = field(default_factory=list)
    table: list[list[str]] = field(default_factory=list)


def stage_page(address: str, layout: Layout) -> str:
    """The page of a stage such as `random-edits@hard`, from what it read and wrote in `layout`."""
    stage, _, mining = address.partition("@")
    sections = SECTIONS[stage](layout, stage, mining)
    page = section_page(address, sections)
    # large pictures: the last sections go first
    while len(page.encode()) > LIMIT and len(sections) > 1:
        sections = sections[:-1]
        page = section_page(address, sections)
    return page


def section_page(title: str, sections: list[Section]) -> str:
    return render("stage.html.j2", {"title": title, "sections": sections})


def _tile(images: np.ndarray) -> str:
    return figures.png(figures.tile(images, min(COLUMNS, len(images))))


def _scenes(layout: Layout, *_: str) -> list[Section]:
    images = open_array(layout.scenes / "images.npy", "uint8", (None, None, None, 3))[:PICTURES]
    masks = open_array(layout.scenes / "instances.npy", "uint8", (None, None, None))[:PICTURES]
    pairs = open_array(layout.real_pairs / "images.npy", "uint8", (None, 2, None, None, 3))[
        : PICTURES // 2
    ]
    return [
        Section("Scenes", [_tile(images)]),
        Section("Their objects", [_tile(MASK_COLOURS[masks % len(MASK_COLOURS)])]),
        Section(
            "Pairs that differ in one attribute of one object",
            [_tile(pairs.reshape(-1, *pairs.shape[2:]))],
        ),
    ]


def _gan(layout: Layout, *_: str) -> list[Section]:
    grids = open_array(layout.generator / "grids.npy", "uint8", (None, None, None, 3))
    seen = read_json(layout.generator / "grids.json", GridFile)["kimg"]
    losses = {
        name: curve(layout.plots("gan"), "kimg", f"{name}_loss")
        for name in ("generator", "discriminator")
    }
    distance = {"": curve(layout.plots("gan_swd"), "kimg", "swd")}
    return [
        Section(f"Drawings after {seen[-1]:.0f} thousand pictures", [figures.png(grids[-1])]),
        Section(
            "Training",
            charts=[
                figures.chart(losses, "thousand pictures seen", "loss"),
                figures.chart(distance, "thousand pictures seen", "sliced Wasserstein × 1000"),
            ],
        ),
        *(
            Section(f"After {kimg:.1f} thousand", [figures.png(grid)])
            for kimg, grid in zip(seen[:-1], grids[:-1], strict=True)
        ),
    ]


def _segmenter(layout: Layout, *_: str) -> list[Section]:
    accuracy = read_json(layout.metrics("segmenter"), dict[str, Finite])
    losses = {"": curve(layout.plots("segmenter_training"), "step", "loss")}
    return [
        Section(
            "Held-out accuracy",
            table=[["", "percent"], *([name, f"{value:.1f}"] for name, value in accuracy.items())],
        ),
        Section("Training", charts=[figures.chart(losses, "step", "loss")]),
    ]


def _samples(layout: Layout, *_: str) -> list[Section]:
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    share = read_json(layout.metrics("samples"), dict[str, Finite])["describable"]
    return [Section(f"Drawings, kept of all: {share:.1f} %", [_tile(images[: 2 * PICTURES])])]


def _captions(layout: Layout, *_: str) -> list[Section]:
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    rows = [
        row
        for row in read_shards(layout.speech, ["sample", "text", "audio"])
        if row["sample"] < CAPTIONS_SHOWN
    ]
    numbers = read_json(layout.metrics("captions"), dict[str, Finite])
    spoken, bytes_left = [], LIMIT // 2  # embedded bytes grow by a third
    for row in rows:
        bytes_left -= len(row["audio"]["bytes"])
        if bytes_left > 0:
            spoken.append(
                (
                    figures.png(images[row["sample"]]),
                    row["text"],
                    figures.flac(row["audio"]["bytes"]),
                )
            )
    return [
        Section("Drawings and what is said of them", spoken=spoken),
        Section(
            "All captions",
            table=[["", ""], *([name, f"{value:g}"] for name, value in numbers.items())],
        ),
    ]


def _grounding(layout: Layout, stage: str, mining: str) -> list[Section]:
    name = {"pretrain-davenet": "pretrain"}.get(stage, stage)
    path = layout.plots(f"{name}_{mining}")
    charts = {"loss": "loss", "recall_10": "validation recall@10, %"}
    charts |= (
        {}
        if name == "pretrain"
        else {"edited_above": "share of edits that score above the original"}
    )
    return [
        Section(
            "Training",
            charts=[
                figures.chart({"": curve(path, "step", column)}, "step", label)
                for column, label in charts.items()
            ],
        )
    ]


def _clusters(layout: Layout, _: str, mining: str) -> list[Section]:
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    records = ConceptSet.load(layout.clusters(mining), len(images)).records
    return [
        Section(
            f"Concept {number}: {len(record['units'])} units; the best unit of the generator has "
            f"an IoU of {record['agreement'][0]:.2f}",
            [
                _tile(
                    np.stack(
                        [
                            figures.mark(images[one["sample"]], one["y"], one["x"])
                            for one in record["pictures"]
                        ]
                    )
                )
            ],
        )
        for number, record in enumerate(records)
    ]


def _evaluation(layout: Layout, *_: str) -> list[Section]:
    results = results_section(read_json(layout.metrics("evaluation"), Results), best="")
    roc = {"": curve(layout.plots("roc"), "false_positive_rate", "true_positive_rate")}
    detectors = [
        ["unit", "word", "F1", "precision", "recall", "said"],
        *(
            [
                str(one["unit"]),
                best["label"],
                *(f"{best[name]:.1f}" for name in ("f1", "precision", "recall")),
                str(best["occurrences"]),
            ]
            for one in read_concepts(layout.evaluation)["detectors"][:DETECTORS_SHOWN]
            for best in one["hypotheses"][:1]
        ),
    ]
    return [
        *(
            Section(f"{title}, percent (the paper's in brackets)", table=_table(results[name]))
            for name, title in (("semantic", "Semantic test"), ("recall", "Recall and other tests"))
            if results[name].columns
        ),
        *([Section("Units that detect words, percent", table=detectors)] if detectors[1:] else []),
        Section(
            "Matched against mismatched pairs",
            charts=[figures.chart(roc, "false positives", "true positives")],
        ),
    ]


def _table(table: Rows) -> list[list[str]]:
    """Columns and rows as text."""

    def text(cell: Cell) -> str:
        return f"{cell.value} ({cell.below})" if cell.below else cell.value

    return [
        ["method", *table.columns],
        *([title, *map(text, cells)] for title, cells, _ in table.rows),
    ]


def _report(layout: Layout, *_: str) -> list[Section]:
    return [*_drawn(layout), *_evaluation(layout)]


def _drawn(layout: Layout) -> list[Section]:
    """The full report has up to 10 MB; it is one of the stage's outputs."""
    size = (layout.report / "index.html").stat().st_size
    return [
        Section("The report", table=[["file", "bytes"], ["data/report/index.html", str(size)]]),
        *_samples(layout),
    ]


# The table of stages lies above this package; a test compares the two.
SECTIONS: dict[str, Callable[..., list[Section]]] = {
    "render-scenes": _scenes,
    "train-gan": _gan,
    "train-segmenter": _segmenter,
    "sample-images": _samples,
    "synthesize-captions": _captions,
    "pretrain-davenet": _grounding,
    "random-edits": _grounding,
    "cluster-units": _clusters,
    "targeted-edits": _grounding,
    "evaluate": _evaluation,
    "report": _report,
}
