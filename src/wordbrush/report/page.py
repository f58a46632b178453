"""What the page says, gathered from the artifacts, and its rendering.

A section of something that the data does not have is left out.
"""

import csv
from collections import Counter
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from wordbrush.audio.sound import SAMPLE_RATE, decode, encode
from wordbrush.captions.grammar import grammar_of
from wordbrush.concepts.store import ConceptRecord, ConceptSet, Picture, Stretch
from wordbrush.data.origin import read_origin
from wordbrush.data.recordings import each_row, read_shards
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.paper import EDIT_SUCCESS, REAL_IMAGES
from wordbrush.evaluation.results import Concept, ConceptMetrics, Results
from wordbrush.gan.records import GanMetrics
from wordbrush.params import Params
from wordbrush.report import figures
from wordbrush.report.composition_section import (
    composition_section,
    kinds_section,
    pairs_section,
    read_composition,
)
from wordbrush.report.languages_section import language_content
from wordbrush.report.records import (
    ExampleFile,
    GridFile,
    read_concepts,
    read_engine_scores,
    read_examples,
)
from wordbrush.report.results_section import (
    engines_section,
    known_section,
    results_section,
    ways_section,
    word_scores_section,
)
from wordbrush.report.senses_section import read_senses
from wordbrush.report.show import TIMES_MARK
from wordbrush.report.units_section import unit_content
from wordbrush.storage.files import open_array, read_json, require_counts, require_file
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Finite

T = TypeVar("T")
GRIDS_SHOWN = 6  # sample grids of the GAN through time
GRID_SHOWN = 4  # rows and columns of each
CONCEPTS_SHOWN = 12  # the clearest
SOUNDS_SHOWN = 3
DETECTORS_SHOWN = 20  # the lecture's table has as many
EXAMPLES_SHOWN = 4  # captions with their matchmaps
SHORTEST = SAMPLE_RATE // 10  # samples of a sound that can be heard
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
    """Two columns of a table. Raises WordbrushError where there are none, or where they hold no
    numbers."""
    try:
        rows = [(float(row[x]), float(row[y])) for row in read_csv(path)]
    except (KeyError, TypeError, ValueError, csv.Error):
        rows = []
    if not rows:
        raise WordbrushError(f"{path} holds no numbers {x} and {y}. Make it again: dvc repro.")
    return [row[0] for row in rows], [row[1] for row in rows]


def read_if_there(path: Path, shape: type[T]) -> T | None:
    """A JSON file that a run has only where its data has what was measured."""
    return read_json(path, shape) if path.is_file() else None


def gan_section(params: Params, layout: Layout) -> dict[str, Any] | None:
    """Samples through time, losses and distance; None where nothing draws."""
    if params.graph == "recorded" or not layout.generator.is_dir():
        return None
    grids = open_array(layout.generator / "grids.npy", "uint8", (None, None, None, 3))
    about = read_json(layout.generator / "grids.json", GridFile)
    side = grids.shape[1] * GRID_SHOWN // 8  # gan.training draws 8 × 8
    shown = np.unique(np.linspace(0, len(grids) - 1, GRIDS_SHOWN).round().astype(int))
    losses = {
        name: curve(layout.plots("gan"), "kimg", f"{name}_loss")
        for name in ("generator", "discriminator")
    }
    distance = {"": curve(layout.plots("gan_swd"), "kimg", "swd")}
    seen = "thousand pictures seen"
    return {
        "grids": [
            {
                "kimg": about["kimg"][number],
                "resolution": about["resolution"][number],
                "image": figures.png(grids[number, :side, :side]),
            }
            for number in shown
        ],
        "losses": figures.chart(losses, seen, "loss"),
        "distance": figures.chart(distance, seen, "sliced Wasserstein × 1000"),
        "swd": read_json(layout.metrics("gan"), GanMetrics)["swd"]["mean"],
    }


def edits_section(
    layout: Layout, examples: ExampleFile, images: np.ndarray
) -> list[dict[str, Any]]:
    """Rows of original, randomly edited, and concept-edited pictures (P Figures 3 and 6).

    None where the data does not have both kinds of edits.
    """
    if not {"random", "targeted"} <= set(examples["edits"]):
        return []
    shape = (len(examples["samples"]), None, None, 3)
    random, targeted = (
        open_array(layout.evaluation / f"{kind}_edits.npy", "uint8", shape)
        for kind in ("random", "targeted")
    )
    about, rows = examples["edits"]["targeted"], []
    clusters = about["clusters"]  # none where layouts were edited
    for number, picture in enumerate(examples["pictures"]):
        rows.append(
            {
                "text": examples["texts"][number],
                "original": figures.png(figures.mark(images[picture], *about["cells"][number])),
                "random": figures.png(random[number]),
                "targeted": figures.png(targeted[number]),
                "cluster": clusters[number] if clusters else None,
            }
        )
    return rows


def heard_words(row: dict, start: float, end: float) -> list[str]:
    """The words of a caption that overlap a stretch by half of their length."""
    return [
        word["word"]
        for word in row["words"] or []
        if min(end, word["end"]) - max(start, word["start"]) >= 0.5 * (word["end"] - word["start"])
    ]


def concepts_section(
    layout: Layout,
    mining: str,
    images: np.ndarray,
    speech: dict[int, dict],
    meanings: list[Concept],
) -> list[dict[str, Any]]:
    """The concepts that hear a word best: pictures, sounds that can be played, the words in them,
    and what they detect; none where it was not measured what concepts mean."""
    if not meanings:
        return []
    records = ConceptSet.load(layout.clusters(mining), len(images), len(speech)).records
    require_counts(
        layout.evaluation / "concepts.json", clusters=len(records), concepts=len(meanings)
    )
    cards: list[dict[str, Any]] = [
        {
            "number": number,
            "meaning": meaning,
            "words": words_in(record, speech),
            "agreement": next(iter(record["agreement"]), None),
            "pictures": figures.png(marked_pictures(record["pictures"], images)),
            "sounds": record["sounds"][:SOUNDS_SHOWN],
        }
        for number, (record, meaning) in enumerate(zip(records, meanings, strict=True))
    ]
    cards.sort(key=lambda card: (-word_f1(card["meaning"]), card["number"]))
    return cards[:CONCEPTS_SHOWN]


def word_f1(meaning: Concept) -> float:
    """Of the word that a concept hears; 0 where that is not known."""
    return meaning["word"]["f1"] if meaning["word"] else 0.0


def words_in(record: ConceptRecord, speech: dict[int, dict]) -> list[tuple[str, int]]:
    """The words that are most often in the sounds of a concept, and in how many."""
    heard = [
        heard_words(speech[sound["sample"]], sound["start"], sound["end"])
        for sound in record["sounds"]
    ]
    # sorted: of words that are as frequent as each other, the order would differ from run to run
    counts = Counter(word for words in heard for word in sorted(set(words) - STOP_WORDS))
    return counts.most_common(5)


def marked_pictures(pictures: Sequence[Picture], images: np.ndarray) -> np.ndarray:
    """The examples of a concept in rows of four, each with a frame around its cell."""
    if len(pictures) < 4:
        return images[pictures[0]["sample"]]
    marked = [figures.mark(images[one["sample"]], one["y"], one["x"]) for one in pictures]
    return figures.tile(np.stack(marked), 4)


def add_sounds(cards: list[dict], sounds: dict[int, bytes]) -> None:
    """Cut the stretches of the shown concepts out of their captions."""
    for card in cards:
        card["audio"] = []
        for sound in card.pop("sounds"):
            wave = decode(sounds[sound["sample"]], f"the sound of sample {sound['sample']}")
            card["audio"].append(figures.flac(cut(wave, sound)))


def cut(wave: np.ndarray, stretch: Stretch) -> bytes:
    """A stretch of a caption [S], long enough to be heard, as FLAC."""
    begin, end = int(stretch["start"] * SAMPLE_RATE), int(stretch["end"] * SAMPLE_RATE)
    return encode(wave[begin : max(end, begin + SHORTEST)])


def retrieval_section(examples: ExampleFile, images: np.ndarray) -> list[dict[str, Any]]:
    """Each example's picture beside the one that its caption retrieved."""
    return [
        {
            "text": text,
            "truth": figures.png(images[told]),
            "selected": figures.png(images[chosen]),
            "right": told == chosen,
        }
        for text, told, chosen in zip(
            examples["texts"], examples["pictures"], examples["selected"], strict=True
        )
    ]


def matchmap_section(
    layout: Layout, examples: ExampleFile, images: np.ndarray
) -> list[dict[str, Any]]:
    """Examples as strips of pictures through time, with the words below, as shares of the time."""
    shape = (len(examples["samples"]), None, None, None)
    maps = open_array(layout.evaluation / "matchmaps.npy", "float16", shape)
    shown = zip(examples["pictures"], maps, examples["lengths"], examples["words"], strict=True)
    rows = []
    for picture, one, length, words in list(shown)[:EXAMPLES_SHOWN]:
        total = max(words[-1]["end"], 1e-3) if words else 1.0
        rows.append(
            {
                "strip": figures.film(images[picture], one[:, :, :length].astype(np.float32)),
                "words": [
                    {"word": word["word"], "share": 100 * (word["end"] - word["start"]) / total}
                    for word in words
                ],
            }
        )
    return rows


def word_map_section(
    layout: Layout, examples: ExampleFile, images: np.ndarray, meaning: Container[str]
) -> list[list[dict[str, str]]]:
    """For each shown example, its picture at the time of every attribute word, bright where the
    matchmap fires."""
    if not examples["maps"]:
        return []
    shape = (len(examples["maps"]), None, None)
    maps = open_array(layout.evaluation / "word_maps.npy", "float16", shape).astype(float)
    rows: list[list[dict[str, str]]] = [[] for _ in examples["samples"]]
    for one, weights in zip(examples["maps"], maps, strict=True):
        if one["word"] in meaning:
            image = images[examples["pictures"][one["example"]]]
            bright = figures.heat(image, weights / max(weights.max(), 1e-6))
            rows[one["example"]].append({"word": one["word"], "image": figures.png(bright)})
    return [row for row in rows if row][:EXAMPLES_SHOWN]


def learning_section(layout: Layout, results: Results) -> str:
    """Validation recall through the trainings of each mining, one after another."""
    methods = [method_named(name) for name in results]
    series = {}
    for mining in dict.fromkeys(method.mining for method in methods):
        steps, found, shift = [], [], 0.0
        for stage in [method.stage for method in methods if method.mining == mining]:
            xs, ys = curve(layout.plots(f"{stage}_{mining}"), "step", "recall_10")
            steps += [shift + x for x in xs]
            found += ys
            shift = steps[-1]
        series[f"{mining} negatives"] = (steps, found)
    edited = any(method.stage != "pretrain" for method in methods)
    steps_of = "step (pretraining, then random, then targeted edits)" if edited else "step"
    return figures.chart(series, steps_of, "validation recall@10, %")


def gather(params: Params, layout: Layout) -> dict[str, Any]:
    """Everything that the template shows."""
    results = read_json(layout.metrics("evaluation"), Results)
    images = open_array(layout.samples / "images.npy", "uint8", (None, None, None, 3))
    speech = {row["sample"]: row for row in read_shards(layout.speech, ["sample", "text", "words"])}
    examples = read_examples(layout.evaluation, len(speech), len(images))
    tables, metrics = (
        read_concepts(layout.evaluation),
        read_json(layout.metrics("concepts"), ConceptMetrics),
    )
    best = method_named(examples["best"])
    meanings = tables["clusters"].get(best.mining, [])
    cards = concepts_section(layout, best.mining, images, speech, meanings)
    sounds = read_sounds(layout, cards, examples)
    add_sounds(cards, sounds)
    meaning = grammar_of(params.captions.languages[0]).vocabulary.meaning
    return {
        "params": params,
        "results": results_section(results, best.name),
        "ways": ways_section(results, best.name),
        "known": known_section(results[best.name]),
        "asked": results[best.name].get("ways"),
        "collection": read_origin(layout),
        "word_scores": word_scores_section(metrics, best.name),
        "engines": engines_section(
            read_engine_scores(layout.evaluation, best.name), results[best.name].get("groups", {})
        ),
        "composition": composition_section(results, best.name),
        "composed_kinds": kinds_section(read_composition(layout, best.name)),
        "composed_pairs": pairs_section(layout),
        "senses": read_senses(layout) if params.senses.used else None,
        "units": unit_content(layout, results, best.name, DETECTORS_SHOWN),
        "languages": language_content(layout, results, best.name),
        "best": best,
        "paper_edit_success": EDIT_SUCCESS,
        "paper_real": REAL_IMAGES,
        "gan": gan_section(params, layout),
        "segmenter": read_if_there(layout.metrics("segmenter"), dict[str, Finite])
        if params.graph == "drawn"
        else None,
        "latents": read_if_there(layout.metrics("latents"), dict[str, Finite])
        if params.graph == "redrawn"
        else None,
        "captions": read_json(layout.metrics("captions"), dict[str, Finite]),
        "samples": read_json(layout.metrics("samples"), dict[str, Finite]),
        "edits": edits_section(layout, examples, images),
        "concepts": cards,
        "concept_count": len(meanings),
        "concept_scores": metrics["clusters"].get(best.mining),
        "distinct": metrics.get("distinct"),
        "told": metrics.get("told"),
        "contested": tables["contested"],
        "shown": method_named(list(results)[-1]),
        "detectors": tables["detectors"][:DETECTORS_SHOWN],
        "words_known": metrics.get("known"),
        "retrieval": retrieval_section(examples, images),
        "matchmaps": matchmap_section(layout, examples, images),
        "word_maps": word_map_section(layout, examples, images, meaning),
        "learning": learning_section(layout, results),
        "times_mark": TIMES_MARK,
        "voices": [figures.flac(sounds[sample]) for sample in examples["samples"]],
        "hero": figures.png(figures.tile(images[:24], 12)),
    }


def read_sounds(layout: Layout, cards: list[dict], examples: ExampleFile) -> dict[int, bytes]:
    """FLAC of the captions that the page plays, by sample."""
    wanted = {sound["sample"] for card in cards for sound in card["sounds"]}
    wanted |= set(examples["samples"])
    return {
        row["sample"]: row["audio"]["bytes"]
        for row in each_row(layout.speech, ["sample", "audio"])
        if row["sample"] in wanted
    }


def render(template: str, content: dict[str, Any], escape: bool = True) -> str:
    """One of the templates beside this module, filled.

    escape: whether it is HTML, in which every text is escaped, or plain text.
    """
    environment = Environment(
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("wordbrush.report", "."),
    )
    return environment.get_template(template).render(content)
