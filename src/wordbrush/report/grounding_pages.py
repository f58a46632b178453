"""The pages of the stages that match speech and pictures: training, edits, concepts."""

from dataclasses import dataclass

import numpy as np

from wordbrush.audio.sound import decode
from wordbrush.concepts.store import ConceptRecord, ConceptSet
from wordbrush.evaluation.methods import Method
from wordbrush.params import load
from wordbrush.report import figures
from wordbrush.report.page import SOUNDS_SHOWN, curve, cut, words_in
from wordbrush.report.sections import Example, Section
from wordbrush.report.spoken import Spoken
from wordbrush.storage.files import open_array
from wordbrush.storage.layout import PARAMS, Layout

EDITS_SHOWN = 8


@dataclass(frozen=True)
class Finished:
    """A finished stage: the folder with all that it read and wrote, and who speaks the captions."""

    stage: str
    mining: str
    layout: Layout
    spoken: Spoken


def training(made: Finished) -> list[Section]:
    """Curves."""
    name = {"pretrain-davenet": "pretrain"}.get(made.stage, made.stage)
    path = made.layout.plots(f"{name}_{made.mining}")
    charts = {"loss": "loss", "recall_10": "validation recall@10, %"}
    if name != "pretrain":
        charts["edited_above"] = "share of edits that score above the original"
    return [
        Section(
            "Training",
            charts=[
                figures.chart({"": curve(path, "step", column)}, "step", label)
                for column, label in charts.items()
            ],
        )
    ]


def edits(made: Finished) -> list[Section]:
    """Pictures before and after their edit, each with its caption; then curves.

    The edits are made anew, of the first captions of the training set, with the encoders that the
    stage wrote and the seed of the run.
    """
    # torch loads only here: every page of the pipeline comes through this module
    from wordbrush.evaluation.examples import edit_pictures
    from wordbrush.evaluation.material import read_material

    material = read_material(load(made.layout.root / PARAMS), made.layout)
    manifest, images = material.pairs.manifest, material.pairs.images
    captions = manifest.captions("train")[:EDITS_SHOWN]
    edited = edit_pictures(material, Method(made.stage, made.mining), captions)
    spoken, examples = made.spoken(captions.tolist()), []
    for number, caption in enumerate(captions.tolist()):
        before = figures.mark(images[manifest.images[caption]], *edited.cells[number])
        row = spoken.get(caption)
        notes = [f"concept {edited.clusters[number]}"] if edited.clusters else []
        notes += [] if edited.valid[number] else ["not used: it changes less than edits.min_change"]
        examples.append(
            Example(
                [(figures.png(before), "before"), (figures.png(edited.pictures[number]), "after")],
                f"“{row['text']}”" if row else "",
                [figures.flac(row["audio"]["bytes"])] if row else [],
                ", ".join(notes),
            )
        )
    kind = {
        "random-edits": "random units of the generator",
        "targeted-edits": "the units of the generator that draw one concept",
    }[made.stage]
    how = (
        f"The frame marks the place that fits the caption best; the edit changes {kind} there. The "
        "first captions of the training set, with the encoders of this stage."
    )
    return [Section("Pictures before and after the edit", how, examples=examples), *training(made)]


def concepts(made: Finished) -> list[Section]:
    """For each concept its pictures, the sounds that excite it most, and the words in them."""
    layout = made.layout
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    records = ConceptSet.load(layout.clusters(made.mining), len(images)).records
    order = sorted(
        range(len(records)), key=lambda number: [-one for one in records[number]["agreement"]]
    )
    spoken = made.spoken({sound["sample"] for record in records for sound in record["sounds"]})
    about = (
        "A concept is a cluster of units that are active together. Shown are the pictures in which "
        "each is most active, the stretches of speech that excite it most, and the words in them. "
        "The machine was told no words: the text is for you."
    )
    examples = [_concept(number, records[number], images, spoken) for number in order]
    return [Section(f"{len(records)} concepts", about, examples=examples)]


def _concept(
    number: int, record: ConceptRecord, images: np.ndarray, spoken: dict[int, dict]
) -> Example:
    pictures = np.stack(
        [figures.mark(images[one["sample"]], one["y"], one["x"]) for one in record["pictures"]]
    )
    heard = [sound for sound in record["sounds"] if sound["sample"] in spoken]
    words = words_in({**record, "sounds": heard}, spoken)
    said = ", ".join(f"{word} ({count} of {len(heard)})" for word, count in words)
    draws = [f"best unit of the generator: IoU {one:.2f}" for one in record["agreement"][:1]]
    return Example(
        [(figures.png(figures.tile(pictures, min(4, len(pictures)))), "")],
        said or "no word is heard in the captions at hand",
        [
            figures.flac(cut(decode(spoken[one["sample"]]["audio"]["bytes"], "speech"), one))
            for one in heard[:SOUNDS_SHOWN]
        ],
        "; ".join([f"concept {number}: {len(record['units'])} units", *draws]),
    )
