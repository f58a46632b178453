"""Model card and dataset card in Hugging Face's format, with measured numbers alone.

A card is YAML for machines, then Markdown for people.
"""

import io
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from ruamel.yaml import YAML

from wordbrush.captions.grammar import SYNONYMS
from wordbrush.data.splits import captioned_count
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.paper import EDIT_SUCCESS, FULL, REAL_IMAGES, published
from wordbrush.evaluation.results import ConceptMetrics, ConceptTables, Results
from wordbrush.gan.records import GanMetrics
from wordbrush.model.model import Meaning
from wordbrush.params import Params
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Finite

DATASET = "wordbrush-scenes-and-speech"
DETECTORS_SHOWN, MEANINGS_SHOWN = 10, 12
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
)  # Hugging Face's names


@dataclass(frozen=True)
class Facts:
    """All that the cards say of a run."""

    params: Params
    results: Results
    concepts: ConceptMetrics
    tables: ConceptTables
    gan: GanMetrics
    segmenter: dict[str, float]
    captions: dict[str, float]
    samples: dict[str, float]
    origin: dict[str, str]


def read_facts(params: Params, layout: Layout, origin: dict[str, str]) -> Facts:
    """Raises WordbrushError where the run is not finished. origin: what made the model."""
    return Facts(
        params,
        read_json(layout.metrics("evaluation"), Results),
        read_json(layout.metrics("concepts"), ConceptMetrics),
        read_json(layout.evaluation / "concepts.json", ConceptTables),
        read_json(layout.metrics("gan"), GanMetrics),
        read_json(layout.metrics("segmenter"), dict[str, Finite]),
        read_json(layout.metrics("captions"), dict[str, Finite]),
        read_json(layout.metrics("samples"), dict[str, Finite]),
        origin,
    )


def write_cards(folder: Path, facts: Facts, meanings: list[Meaning]) -> None:
    """README.md and DATASET.md."""
    result, words = facts.results[FULL], facts.concepts["words"][FULL]
    shared = {
        "facts": facts,
        "params": facts.params,
        "method": method_named(FULL),
        "paper": published(FULL),
        "licence": licence(),
        "dataset": DATASET,
        "attributes": tuple(ATTRIBUTES),
        "captioned": captioned_count(facts.params.samples),
    }
    unknown = [
        name
        for name, interval in result["intervals"].get("semantic", {}).items()
        if interval["low"] <= 50
    ]
    best = sorted(meanings, key=lambda one: -one["word"]["f1"])[:MEANINGS_SHOWN]
    card(
        folder / "README.md",
        "model.md.j2",
        model_header(facts),
        **shared,
        result=result,
        words=words,
        unknown=unknown,
        meanings=best,
        clusters=facts.concepts["clusters"][method_named(FULL).mining],
        paper_edits=EDIT_SUCCESS,
        paper_real=REAL_IMAGES["with edits"],
        detectors=facts.tables["detectors"][:DETECTORS_SHOWN],
    )
    card(
        folder / "DATASET.md",
        "dataset.md.j2",
        dataset_header(facts),
        **shared,
        synonyms=SYNONYMS,
        values=ATTRIBUTES,
    )


def card(path: Path, template: str, header: dict[str, Any], **content: Any) -> None:
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=PackageLoader("wordbrush.model", "."),
    )
    front = io.StringIO()
    YAML().dump(header, front)
    path.write_text(
        f"---\n{front.getvalue()}---\n{environment.get_template(template).render(content)}",
        encoding="utf-8",
    )


def licence() -> str:
    """What the package states, as Hugging Face writes it; `unknown` is its word for none."""
    return (metadata.metadata("wordbrush").get("License-Expression") or "unknown").lower()


def model_header(facts: Facts) -> dict[str, Any]:
    result, words, test = (
        facts.results[FULL],
        facts.concepts["words"][FULL],
        facts.params.samples.test,
    )

    def measured(kind: str, value: float, name: str) -> dict[str, Any]:
        return {"type": kind, "value": value, "name": name}

    tests = [
        measured("recall_at_k", value, f"Recall@{k} of {test}, both directions, percent")
        for k, value in result["recall"].items()
    ]
    tests += [
        measured("accuracy", value, f"Semantic test, {name}, percent")
        for name, value in result.get("semantic", {}).items()
    ]
    if "real_images" in result:
        tests.append(measured("accuracy", result["real_images"], "Real-image test, percent"))
    tests.append(
        measured("f1", words["word_f1"], "Attribute words by their best unit, mean F1, percent")
    )
    titles = {
        "pointing": "Pointing at a word's objects",
        "contested": "Pointing, contested",
        "naming": "Firing while named",
    }
    tests += [
        measured("accuracy", one["value"], f"{title}, percent")
        for key, title in titles.items()
        if (one := words.get(key))
    ]
    return {
        "license": licence(),
        "library_name": "wordbrush",
        "language": ["en"],
        "tags": ["visually-grounded-speech", "word-discovery", "audio-visual", "gan", "davenet"],
        "datasets": [DATASET],
        "metrics": ["recall", "accuracy", "f1"],
        "model-index": [
            {
                "name": "wordbrush",
                "results": [
                    {
                        "task": {
                            "type": "audio-image-retrieval",
                            "name": "Speech and picture retrieval",
                        },
                        "dataset": {
                            "type": DATASET,
                            "name": "Drawings with spoken captions",
                            "split": "test",
                        },
                        "metrics": tests,
                    }
                ],
            }
        ],
    }


def dataset_header(facts: Facts) -> dict[str, Any]:
    count = captioned_count(facts.params.samples)
    size = next((name for most, name in SIZES if count < most), "n>1M")
    return {
        "license": licence(),
        "pretty_name": "Wordbrush scenes and speech",
        "language": ["en"],
        "task_categories": ["image-to-text", "automatic-speech-recognition"],
        "size_categories": [size],
        "annotations_creators": ["machine-generated"],
        "source_datasets": ["original"],
        "tags": ["synthetic", "clevr", "spoken-captions", "word-timings"],
    }
