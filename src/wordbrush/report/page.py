"""What the page says, gathered from the artifacts, and its rendering."""

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from wordbrush.audio.sound import SAMPLE_RATE, decode, encode
from wordbrush.data.recordings import read_shards
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.paper import EDIT_SUCCESS, FULL, METHODS, REAL_IMAGES
from wordbrush.evaluation.results import Concept, ConceptMetrics, Results
from wordbrush.evaluation.semantic import MEANING
from wordbrush.gan.records import GanMetrics
from wordbrush.params import MININGS, Params
from wordbrush.report import figures
from wordbrush.report.records import (
    ExampleFile,
    GridFile,
    read_clusters,
    read_concepts,
    read_examples,
)
from wordbrush.report.show import TIMES_MARK
from wordbrush.storage.files import open_array, read_json, require_counts, require_file
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Finite

ATTRIBUTES = ("shape", "material", "color", "size", "mean")
GAN_MOMENTS = 6  # sample grids shown through time
GRID_SHOWN = 4  # rows and columns of each
CLUSTERS_SHOWN = 12  # the clearest concepts
SOUNDS_SHOWN = 3
DETECTORS_SHOWN = 20  # the lecture's table has as many
EXAMPLES_SHOWN = 4  # captions with their matchmaps
STOP_WORDS = frozenset(
    [
        "there",
        "is",
        "i",
        "see",
        "this",
        "picture",
        "shows",
        "here",
        "in",
        "an",
        "a",
        "and",
        "it",
        "of",
        "to",
        "the",
        "on",
    ]
)


def read_csv(path: Path) -> list[dict[str, str]]:
    with require_file(path).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def curve(path: Path, x: str, y: str) -> tuple[list[float], list[float]]:
    """Two columns of a table. Raises WordbrushError where there are none, or where they hold no numbers."""
    try:
        rows = [(float(row[x]), float(row[y])) for row in read_csv(path)]
    except (KeyError, TypeError, ValueError, csv.Error):
        rows = []
    if not rows:
        raise WordbrushError(f"{path} holds no numbers {x} and {y}. Make it again: dvc repro.")
    return [row[0] for row in rows], [row[1] for row in rows]


def gan_section(layout: Layout) -> dict[str, Any]:
    """Samples through time, losses and distance."""
    grids = open_array(layout.generator / "grids.npy", "uint8", (None, None, None, 3))
    about = read_json(layout.generator / "grids.json", GridFile)
    side = grids.shape[1] * GRID_SHOWN // 8  # drawing.training draws 8 × 8
    moments = np.unique(np.linspace(0, len(grids) - 1, GAN_MOMENTS).round().astype(int))
    return {
        "moments": [
            {
                "kimg": about["kimg"][m],
                "resolution": about["resolution"][m],
                "image": figures.png(grids[m, :side, :side]),
            }
            for m in moments
        ],
        "losses": figures.chart(
            {
                name: curve(layout.plots("gan"), "kimg", f"{name}_loss")
                for name in ("generator", "discriminator")
            },
            "thousand pictures seen",
            "loss",
        ),
        "distance": figures.chart(
            {"": curve(layout.plots("gan_swd"), "kimg", "swd")},
            "thousand pictures seen",
            "sliced Wasserstein × 1000",
        ),
        "swd": read_json(layout.metrics("gan"), GanMetrics)["swd"]["mean"],
    }


def edits_section(
    layout: Layout, examples: ExampleFile, images: np.ndarray
) -> list[dict[str, Any]]:
    """Rows of original, randomly edited, and concept-edited pictures (P Figures 3 and 6)."""
    random, targeted = (
        open_array(
            layout.evaluation / f"{kind}_edits.npy",
            "uint8",
            (len(examples["samples"]), None, None, 3),
        )
        for kind in ("random", "targeted")
    )
    rows = []
    for number, sample in enumerate(examples["samples"]):
        y, x = examples["edits"]["targeted"]["places"][number]
        rows.append(
            {
                "text": examples["texts"][number],
                "original": figures.png(figures.mark(images[sample], y, x)),
                "random": figures.png(random[number]),
                "targeted": figures.png(targeted[number]),
                "cluster": examples["edits"]["targeted"]["clusters"][number],
            }
        )
    return rows


def heard_words(row: dict, start: float, end: float) -> list[str]:
    """The words of a caption that overlap a stretch by half of their length."""
    return [
        word["word"]
        for word in row["words"]
        if min(end, word["end"]) - max(start, word["start"]) >= 0.5 * (word["end"] - word["start"])
    ]


def clusters_section(
    layout: Layout,
    mining: str,
    images: np.ndarray,
    speech: dict[int, dict],
    meanings: list[Concept],
) -> list[dict[str, Any]]:
    """The concepts that hear a word best: pictures, playable sounds, the words in them, and what they detect."""
    clusters, cards = read_clusters(layout.clusters(mining), len(images)), []
    require_counts(
        layout.evaluation / "concepts.json", clusters=len(clusters), concepts=len(meanings)
    )
    for number, (cluster, meaning) in enumerate(zip(clusters, meanings, strict=True)):
        heard = [
            heard_words(speech[sound["sample"]], sound["start"], sound["end"])
            for sound in cluster["sounds"]
        ]
        count = Counter(word for words in heard for word in set(words) - STOP_WORDS)
        cards.append(
            {
                "number": number,
                "meaning": meaning,
                "words": count.most_common(5),
                "agreement": cluster["agreement"][0],
                "pictures": figures.png(
                    figures.tile(
                        np.stack(
                            [
                                figures.mark(images[p["sample"]], p["y"], p["x"])
                                for p in cluster["pictures"]
                            ]
                        ),
                        4,
                    )
                    if len(cluster["pictures"]) >= 4
                    else images[cluster["pictures"][0]["sample"]]
                ),
                "sounds": cluster["sounds"][:SOUNDS_SHOWN],
            }
        )
    cards.sort(key=lambda card: (-card["meaning"]["word"]["f1"], card["number"]))
    return cards[:CLUSTERS_SHOWN]


def add_sounds(cards: list[dict], sounds: dict[int, bytes]) -> None:
    """Cut the stretches of the shown clusters out of their captions."""
    for card in cards:
        card["audio"] = []
        for sound in card.pop("sounds"):
            wave = decode(sounds[sound["sample"]], f"the sound of sample {sound['sample']}")
            begin, end = (int(sound[key] * SAMPLE_RATE) for key in ("start", "end"))
            card["audio"].append(figures.flac(encode(wave[begin : max(end, begin + 1600)])))


def retrieval_section(examples: ExampleFile, images: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "text": text,
            "truth": figures.png(images[sample]),
            "selected": figures.png(images[chosen]),
            "right": sample == chosen,
        }
        for text, sample, chosen in zip(
            examples["texts"], examples["samples"], examples["selected"], strict=True
        )
    ]


def matchmap_section(
    layout: Layout, examples: ExampleFile, images: np.ndarray
) -> list[dict[str, Any]]:
    maps = open_array(
        layout.evaluation / "matchmaps.npy", "float16", (len(examples["samples"]), None, None, None)
    )
    shown = zip(examples["samples"], maps, examples["lengths"], examples["words"], strict=True)
    rows = []
    for sample, one, length, words in list(shown)[:EXAMPLES_SHOWN]:
        total = max(words[-1]["end"], 1e-3)
        rows.append(
            {
                "strip": figures.film(images[sample], one[:, :, :length].astype(np.float32)),
                "words": [
                    {"word": word["word"], "share": 100 * (word["end"] - word["start"]) / total}
                    for word in words
                ],
            }
        )
    return rows


def word_map_section(
    layout: Layout, examples: ExampleFile, images: np.ndarray
) -> list[list[dict[str, str]]]:
    """For each shown example, its picture at the time of every attribute word, bright where the matchmap fires."""
    maps = open_array(
        layout.evaluation / "word_maps.npy", "float16", (len(examples["maps"]), None, None)
    ).astype(float)
    rows: list[list[dict[str, str]]] = [[] for _ in examples["samples"]]
    for one, weights in zip(examples["maps"], maps, strict=True):
        if one["word"] in MEANING:
            image = figures.heat(
                images[examples["samples"][one["example"]]], weights / max(weights.max(), 1e-6)
            )
            rows[one["example"]].append({"word": one["word"], "image": figures.png(image)})
    return [row for row in rows if row][:EXAMPLES_SHOWN]


def learning_section(layout: Layout) -> str:
    names = {
        "pretrain": "pretraining",
        "random-edits": "random edits",
        "targeted-edits": "targeted edits",
    }
    series = {}
    for mining in MININGS:
        steps, found, shift = [], [], 0.0
        for stage in names:
            xs, ys = curve(layout.plots(f"{stage}_{mining}"), "step", "recall_10")
            steps += [shift + x for x in xs]
            found += ys
            shift = steps[-1]
        series[f"{mining} negatives"] = (steps, found)
    return figures.chart(
        series, "step (pretraining, then random, then targeted edits)", "validation recall@10, %"
    )


def gather(params: Params, layout: Layout) -> dict[str, Any]:
    """Everything that the template shows."""
    results = read_json(layout.metrics("evaluation"), Results)
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    examples = read_examples(layout.evaluation, len(images))
    speech = {row["sample"]: row for row in read_shards(layout.speech, ["sample", "text", "words"])}
    concepts, mining = read_concepts(layout.evaluation), METHODS[examples["best"]].mining
    cards = clusters_section(layout, mining, images, speech, concepts["clusters"][mining])
    wanted = {sound["sample"] for card in cards for sound in card["sounds"]} | set(
        examples["samples"]
    )
    sounds = {
        row["sample"]: row["audio"]["bytes"]
        for row in read_shards(layout.speech, ["sample", "audio"])
        if row["sample"] in wanted
    }
    add_sounds(cards, sounds)
    return {
        "params": params,
        "methods": METHODS,
        "results": results,
        "attributes": ATTRIBUTES,
        "best": examples["best"],
        "paper_edit_success": EDIT_SUCCESS,
        "paper_real": REAL_IMAGES,
        "gan": gan_section(layout),
        "segmenter": read_json(layout.metrics("segmenter"), dict[str, Finite]),
        "captions": read_json(layout.metrics("captions"), dict[str, Finite]),
        "samples": read_json(layout.metrics("samples"), dict[str, Finite]),
        "edits": edits_section(layout, examples, images),
        "clusters": cards,
        "concepts": read_json(layout.metrics("concepts"), ConceptMetrics),
        "tables": concepts,
        "full": FULL,
        "mining": mining,
        "detectors": concepts["detectors"][:DETECTORS_SHOWN],
        "retrieval": retrieval_section(examples, images),
        "matchmaps": matchmap_section(layout, examples, images),
        "word_maps": word_map_section(layout, examples, images),
        "learning": learning_section(layout),
        "times_mark": TIMES_MARK,
        "voices": [figures.flac(sounds[sample]) for sample in examples["samples"]],
        "hero": figures.png(figures.tile(images[:24], 12)),
    }


def render(template: str, content: dict[str, Any]) -> str:
    """One of the templates beside this module, filled, as HTML; every text is escaped."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("wordbrush.report", "."),
    )
    return environment.get_template(template).render(content)
