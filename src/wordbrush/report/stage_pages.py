"""One small page a stage, for the KFP UI."""

from collections.abc import Callable
from itertools import islice

import numpy as np

from wordbrush.data.recordings import each_row
from wordbrush.data.twins import read_twins
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.results import Results, best_method
from wordbrush.report import figures, grounding_pages
from wordbrush.report.about import About, about_section
from wordbrush.report.composition_section import composition_section
from wordbrush.report.grounding_pages import Finished
from wordbrush.report.languages_section import translations_section
from wordbrush.report.media import fitted
from wordbrush.report.page import DETECTORS_SHOWN, curve
from wordbrush.report.records import GridFile, read_concepts, read_engine_scores
from wordbrush.report.results_section import (
    Cell,
    Rows,
    engines_section,
    results_section,
    ways_section,
)
from wordbrush.report.sections import LIMIT, Example, Section, section_page
from wordbrush.report.senses_section import read_senses
from wordbrush.report.show import TIMES_MARK
from wordbrush.report.spoken import Spoken, spoken_of
from wordbrush.report.units_section import units_section
from wordbrush.storage.files import open_array, read_json, read_text
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Finite

PICTURES, COLUMNS = 48, 12
CAPTIONS_SHOWN = 8
TOLD = {  # of metrics/captions.json
    "found": "drawings in which the segmenter is sure of an object, percent",
    "objects": "objects in a drawing, mean",
    "seconds": "seconds of a caption, mean",
    "truncated": "captions cut at captions.max_frames",
}
TWINS = {  # of metrics/twins.json
    "tried": "drawings that were edited",
    "drawings": "drawings with twins",
    "captions": "twins, each with a caption",
    "left_right": "that differ in what lies left and right",
    "front_behind": "that differ in what lies in front and behind",
    "object": "that differ in one object",
    "rivals": "that stand beside another twin, which has in front what they have behind",
    "certainty": "certainty of the least certain object, percent, mean",
    "seconds": TOLD["seconds"],
    "truncated": TOLD["truncated"],
}
COLLECTED = {  # of metrics/samples.json and metrics/captions.json
    "train": "pictures for training",
    "validation": "pictures for validation",
    "test": "pictures for the tests",
    "captions": "captions",
    "most_captions": "captions of a picture, at most",
    "speakers": "speakers with a name",
    "languages": "languages with a name",
    "seconds": TOLD["seconds"],
    "truncated": TOLD["truncated"],
}
# In the frame of the KFP UI (srcdoc), links within the page would lead to the UI's own address.
OWN_LINKS = (
    '<script>if (location.href.startsWith("about:srcdoc")) document.head.prepend('
    'Object.assign(document.createElement("base"), {href: "about:srcdoc"}))</script>'
)
FLOOR = (40, 40, 46)
MASK_COLOURS = np.array(
    [FLOOR, *(tuple(bytes.fromhex(accent[1:])) for accent in figures.ACCENTS)], np.uint8
)


def stage_page(
    address: str, layout: Layout, about: About | None = None, spoken: Spoken | None = None
) -> str:
    """The page of a stage such as `random-edits@hard`, from what it read and wrote in `layout`.

    about: where the page comes from, for its end. spoken: the captions; None: `layout` has them.
    """
    stage, _, mining = address.partition("@")
    if stage == "report":
        return _report(layout, about)
    made = Finished(stage, mining, layout, spoken or spoken_of(layout))
    return section_page(address, SECTIONS[stage](made), about)


def _report(layout: Layout, about: About | None) -> str:
    """The report itself, with where it comes from at the place of the run times."""
    page = read_text(layout.report / "index.html", "The stage report writes it: dvc repro.")
    page = page.replace("<head>", f"<head>{OWN_LINKS}", 1)
    return fitted(page.replace(TIMES_MARK, about_section(about) if about else ""), LIMIT)


def _tile(images: np.ndarray) -> str:
    return figures.png(figures.tile(images, min(COLUMNS, len(images))))


def _scenes(made: Finished) -> list[Section]:
    layout = made.layout
    images = open_array(layout.scenes / "images.npy", "uint8", (None, None, None, 3))[:PICTURES]
    masks = open_array(layout.scenes / "instances.npy", "uint8", (None, None, None))[:PICTURES]
    pairs = open_array(layout.real_pairs / "images.npy", "uint8", (None, 2, None, None, 3))[
        : PICTURES // 2
    ]
    exchanges = open_array(layout.real_pairs / "exchanges.npy", "uint8", (None, 2, None, None, 3))[
        : PICTURES // 2
    ]
    return [
        Section("Scenes", pictures=[_tile(images)]),
        Section("Their objects", pictures=[_tile(MASK_COLOURS[masks % len(MASK_COLOURS)])]),
        Section(
            "Pairs that differ in one attribute of one object",
            pictures=[_tile(pairs.reshape(-1, *pairs.shape[2:]))],
        ),
        *(
            [
                Section(
                    "Pairs in which two objects exchanged one thing",
                    pictures=[_tile(exchanges.reshape(-1, *exchanges.shape[2:]))],
                )
            ]
            if len(exchanges)
            else []
        ),
    ]


def _gan(made: Finished) -> list[Section]:
    layout = made.layout
    grids = open_array(layout.generator / "grids.npy", "uint8", (None, None, None, 3))
    seen = read_json(layout.generator / "grids.json", GridFile)["kimg"]
    losses = {
        name: curve(layout.plots("gan"), "kimg", f"{name}_loss")
        for name in ("generator", "discriminator")
    }
    distance = {"": curve(layout.plots("gan_swd"), "kimg", "swd")}
    return [
        Section(
            f"Drawings after {seen[-1]:.0f} thousand pictures", pictures=[figures.png(grids[-1])]
        ),
        Section(
            "Training",
            charts=[
                figures.chart(losses, "thousand pictures seen", "loss"),
                figures.chart(distance, "thousand pictures seen", "sliced Wasserstein × 1000"),
            ],
        ),
        *(
            Section(f"After {kimg:.1f} thousand", pictures=[figures.png(grid)])
            for kimg, grid in zip(seen[:-1], grids[:-1], strict=True)
        ),
    ]


def _segmenter(made: Finished) -> list[Section]:
    layout = made.layout
    accuracy = read_json(layout.metrics("segmenter"), dict[str, Finite])
    losses = {"": curve(layout.plots("segmenter_training"), "step", "loss")}
    return [
        Section(
            "Held-out accuracy",
            table=[["", "percent"], *([name, f"{value:.1f}"] for name, value in accuracy.items())],
        ),
        Section("Training", charts=[figures.chart(losses, "step", "loss")]),
    ]


def _samples(made: Finished) -> list[Section]:
    layout = made.layout
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    share = read_json(layout.metrics("samples"), dict[str, Finite])["describable"]
    return [
        Section(f"Drawings, kept of all: {share:.1f} %", pictures=[_tile(images[: 2 * PICTURES])])
    ]


def _captions(made: Finished) -> list[Section]:
    layout = made.layout
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    numbers = read_json(layout.metrics("captions"), dict[str, Finite])
    examples = [
        Example(
            [(figures.png(images[row["image"]]), "")],
            f"“{row['text']}”",
            [figures.flac(row["audio"]["bytes"])],
        )
        for row in made.spoken(range(CAPTIONS_SHOWN)).values()
    ]
    return [
        Section("Drawings and what is said of them", examples=examples),
        Section(
            "All captions",
            table=[["", ""], *([told, f"{numbers[name]:g}"] for name, told in TOLD.items())],
        ),
    ]


def _twins(made: Finished) -> list[Section]:
    """Drawings beside their twins, and what is said of these; or that there are none."""
    layout = made.layout
    numbers = read_json(layout.metrics("twins"), dict[str, Finite])
    if not numbers["captions"]:
        return [Section("No twins", text="None were asked for: twins.kind is none.")]
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    twins = read_twins(layout.twins, images, np.arange(len(images)))
    rows = islice(each_row(layout.twin_speech), CAPTIONS_SHOWN)
    examples = [
        Example(
            [(figures.png(images[drawing]), "drawing"), (figures.png(twin), "twin")],
            f"“{row['text']}”",
            [figures.flac(row["audio"]["bytes"])],
        )
        for drawing, twin, row in zip(twins.drawings, twins.images, rows, strict=False)
    ]
    return [
        Section("Drawings, their twins, and what is said of these", examples=examples),
        Section(
            "All twins",
            table=[
                ["", ""],
                *([told, f"{numbers[name]:g}"] for name, told in TWINS.items() if name in numbers),
            ],
        ),
    ]


def _senses(made: Finished) -> list[Section]:
    """How three senses find each other, and what excites units that they share; or that there are
    none."""
    layout = made.layout
    found = read_senses(layout)
    if found is None:
        return [Section("No senses", text="None were asked for: senses.loss is none.")]
    units = [
        Example(
            [(card.pictures, "")],
            " · ".join(f"“{text}”" for text in card.texts),
            card.sounds,
            f"unit {card.unit}, correlation {card.correlation:.2f}",
        )
        for card in found.units
    ]
    losses = {"": curve(layout.senses / "curve.csv", "step", "loss")}
    return [
        Section(f"Median rank of {found.cases}", table=_table(found.ranks)),
        Section(
            "Classifiers of what is there, percent right (chance is 50)",
            table=_table(found.zero_shot, "learned in → asked in"),
        ),
        Section("Units that respond alike to the three senses", examples=units),
        Section("Training", charts=[figures.chart(losses, "step", "loss")]),
    ]


def _collection(made: Finished) -> list[Section]:
    layout = made.layout
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    numbers = read_json(layout.metrics("samples"), dict[str, Finite])
    numbers |= read_json(layout.metrics("captions"), dict[str, Finite])
    examples = [
        Example(
            [(figures.png(images[row["image"]]), "")],
            f"“{row['text']}”" if row["text"] else row["voice"],
            [figures.flac(row["audio"]["bytes"])],
        )
        for row in made.spoken(range(CAPTIONS_SHOWN)).values()
    ]
    return [
        Section("Pictures", pictures=[_tile(images[: 2 * PICTURES])]),
        Section("What is said of them", examples=examples),
        Section(
            "The collection",
            table=[["", ""], *([told, f"{numbers[name]:g}"] for name, told in COLLECTED.items())],
        ),
    ]


def _latents(made: Finished) -> list[Section]:
    """Pictures, and what the generator draws from the latents that were found."""
    import torch

    from wordbrush.data.images import fitted, to_images, to_uint8
    from wordbrush.gan.sampling import draw, load_generator

    layout, count = made.layout, PICTURES
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))[:count]
    latents = open_array(layout.latents / "latents.npy", "float32", (None, None))[:count]
    generator = load_generator(layout.generator, torch.device("cpu"))
    pictures = to_uint8(fitted(to_images(images), generator.config.resolution))
    drawn = draw(generator, torch.tensor(latents), count)
    far = read_json(layout.metrics("latents"), dict[str, Finite])
    told = {"own": "between a drawing and its picture", "others": "and another picture"}
    return [
        Section("Pictures, at the size of drawings", pictures=[_tile(pictures)]),
        Section("What the generator draws most like them", pictures=[_tile(drawn)]),
        Section(
            "Mean difference, percent of the range from black to white",
            table=[["", ""], *([what, f"{far[name]:g}"] for name, what in told.items())],
        ),
    ]


def _evaluation(made: Finished) -> list[Section]:
    layout = made.layout
    measured = read_json(layout.metrics("evaluation"), Results)
    results, best = results_section(measured, best=""), best_method(measured)
    tables = {
        "Semantic test, percent (the paper's in brackets)": results["semantic"],
        "Recall and other tests, percent (the paper's in brackets)": results["recall"],
    }
    if (ways := ways_section(measured, best="")).rows:
        tables = {"Retrieval each way, percent": ways}
    for medium, table in composition_section(measured, best="").items():
        tables[f"Composition of {medium}, percent (chance in brackets)"] = table
    scores = read_engine_scores(layout.evaluation, best)
    engines = engines_section(scores, measured[best].get("groups", {}))
    of_best = {
        "by engine, percent (chance in brackets)": (engines, "engine"),
        "layer by layer, ABX error and word F1 in percent": (
            units_section(measured, best),
            "layer",
        ),
        "from one language to the other, percent (chance in brackets)": (
            translations_section(measured, best),
            "languages",
        ),
    }
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
        *(Section(title, table=_table(table)) for title, table in tables.items() if table.columns),
        *(
            Section(f"{method_named(best).title}, {what}", table=_table(table, first))
            for what, (table, first) in of_best.items()
            if table.rows
        ),
        *([Section("Units that detect words, percent", table=detectors)] if detectors[1:] else []),
        Section(
            "Matched against mismatched pairs",
            charts=[figures.chart(roc, "false positives", "true positives")],
        ),
    ]


def _table(table: Rows, first: str = "method") -> list[list[str]]:
    """Columns and rows as text; `first` heads the first column."""

    def text(cell: Cell) -> str:
        return f"{cell.value} ({cell.below})" if cell.below else cell.value

    return [
        [first, *table.columns],
        *([title, *map(text, cells)] for title, cells, _ in table.rows),
    ]


# The table of stages lies above this package; a test compares the two.
SECTIONS: dict[str, Callable[[Finished], list[Section]]] = {
    "render-scenes": _scenes,
    "train-gan": _gan,
    "train-segmenter": _segmenter,
    "sample-images": _samples,
    "synthesize-captions": _captions,
    "speak-edits": _twins,
    "train-senses": _senses,
    "import-collection": _collection,
    "find-latents": _latents,
    "pretrain-davenet": grounding_pages.training,
    "random-edits": grounding_pages.edits,
    "cluster-units": grounding_pages.concepts,
    "targeted-edits": grounding_pages.edits,
    "evaluate": _evaluation,
}
