"""Model card and dataset card in Hugging Face's format, with measured numbers alone.

A card is YAML for machines (headers.py), then Markdown for people. The Markdown is rendered here
rather than by huggingface_hub, whose template prints nothing for a name that is not defined.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from wordbrush.captions.engines.table import LICENCES
from wordbrush.captions.grammar import SYNONYMS
from wordbrush.data.splits import captioned_count
from wordbrush.evaluation.composed import titled
from wordbrush.evaluation.methods import method_named
from wordbrush.evaluation.paper import EDIT_SUCCESS, FULL, REAL_IMAGES, published
from wordbrush.evaluation.results import (
    GROUP_TITLES,
    ConceptMetrics,
    ConceptTables,
    EngineTables,
    Results,
)
from wordbrush.gan.records import GanMetrics
from wordbrush.model.headers import DATASET, dataset_header, licence, model_header
from wordbrush.model.model import Meaning
from wordbrush.params import Params, engine_of_voice
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Finite

DETECTORS_SHOWN, MEANINGS_SHOWN = 10, 12


@dataclass(frozen=True)
class Facts:
    """All that the cards say of a run."""

    params: Params
    results: Results
    concepts: ConceptMetrics
    tables: ConceptTables
    engines: EngineTables
    gan: GanMetrics
    segmenter: dict[str, float]
    captions: dict[str, float]
    samples: dict[str, float]
    origin: dict[str, str]


def read_facts(params: Params, layout: Layout, origin: dict[str, str]) -> Facts:
    """Raises WordbrushError where the run is not finished. origin: what made the model."""
    engines = layout.evaluation / "engines.json"  # which a run without groups of voices lacks
    return Facts(
        params,
        read_json(layout.metrics("evaluation"), Results),
        read_json(layout.metrics("concepts"), ConceptMetrics),
        read_json(layout.evaluation / "concepts.json", ConceptTables),
        read_json(engines, EngineTables) if engines.is_file() else {},
        read_json(layout.metrics("gan"), GanMetrics),
        read_json(layout.metrics("segmenter"), dict[str, Finite]),
        read_json(layout.metrics("captions"), dict[str, Finite]),
        read_json(layout.metrics("samples"), dict[str, Finite]),
        origin,
    )


def write_cards(folder: Path, facts: Facts, meanings: list[Meaning]) -> None:
    """README.md and DATASET.md."""
    result, words = facts.results[FULL], facts.concepts["words"][FULL]
    params, captioned = facts.params, captioned_count(facts.params.samples)
    engines = list(dict.fromkeys(map(engine_of_voice, params.captions.voices)))
    shared = {
        "facts": facts,
        "params": params,
        "method": method_named(FULL),
        "paper": published(FULL),
        "licence": licence(),
        "dataset": DATASET,
        "attributes": tuple(ATTRIBUTES),
        "captioned": captioned,
        "engines": engines,
        "group_titles": GROUP_TITLES,
        "speech": ", ".join(f"{engine} ({LICENCES[engine]})" for engine in engines),
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
        model_header(licence(), result, words, params.samples.test),
        **shared,
        result=result,
        composed=titled(result.get("composition", {})),
        words=words,
        unknown=unknown,
        meanings=best,
        clusters=facts.concepts["clusters"][method_named(FULL).mining],
        by_engine=facts.engines.get(FULL, {}),
        paper_edits=EDIT_SUCCESS,
        paper_real=REAL_IMAGES["with edits"],
        detectors=facts.tables["detectors"][:DETECTORS_SHOWN],
    )
    card(
        folder / "DATASET.md",
        "dataset.md.j2",
        dataset_header(licence(), captioned),
        **shared,
        synonyms=SYNONYMS,
        values=ATTRIBUTES,
    )


def card(path: Path, template: str, header: str, **content: Any) -> None:
    """Write one card. header: YAML. Raises jinja2.UndefinedError for a name without a value."""
    environment = Environment(
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        loader=PackageLoader("wordbrush.model", "."),
    )
    text = environment.get_template(template).render(content)
    path.write_text(f"---\n{header}\n---\n{text}", encoding="utf-8")
