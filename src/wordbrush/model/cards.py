"""Model card and dataset card in Hugging Face's format, with measured numbers alone.

A card is YAML for machines (headers.py), then Markdown for people. The Markdown is rendered here
rather than by huggingface_hub, whose template prints nothing for a name that is not defined.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from wordbrush.captions.engines.table import LICENCES
from wordbrush.captions.grammar import grammar_of
from wordbrush.data.origin import Origin, read_origin
from wordbrush.data.splits import captioned_count
from wordbrush.errors import WordbrushError
from wordbrush.evaluation.composed import titled
from wordbrush.evaluation.methods import exported, method_named
from wordbrush.evaluation.paper import EDIT_SUCCESS, FULL, REAL_IMAGES, published
from wordbrush.evaluation.results import (
    GROUP_TITLES,
    ConceptMetrics,
    ConceptTables,
    EngineTables,
    Results,
)
from wordbrush.gan.records import GanMetrics
from wordbrush.model.headers import (
    DATASET,
    collection_header,
    dataset_header,
    licence,
    model_header,
)
from wordbrush.model.model import Meaning
from wordbrush.params import Params, engine_of_voice
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.files import read_json
from wordbrush.storage.layout import Layout
from wordbrush.storage.validation import Finite

DETECTORS_SHOWN, MEANINGS_SHOWN = 10, 12


@dataclass(frozen=True)
class Facts:
    """All that the cards say of a run. heads: what trained heads of context after it."""

    params: Params
    results: Results
    concepts: ConceptMetrics
    tables: ConceptTables
    engines: EngineTables
    gan: GanMetrics | None
    segmenter: dict[str, float]
    captions: dict[str, float]
    samples: dict[str, float]
    origin: dict[str, str]
    collection: Origin | None
    heads: str | None = None


def read_facts(params: Params, layout: Layout, origin: dict[str, str]) -> Facts:
    """Raises WordbrushError where the run is not finished, or another graph's. origin: what made
    the model."""
    drawn, draws = params.graph == "drawn", params.graph != "recorded"
    results, collection = read_json(layout.metrics("evaluation"), Results), read_origin(layout)
    if exported(params).name not in results or drawn != (collection is None):
        raise WordbrushError(
            f"params.yaml asks for the graph {params.graph}, and the results are of another graph: "
            "run `wordbrush graph`, then dvc repro."
        )
    engines = layout.evaluation / "engines.json"  # which a run without groups of voices lacks
    return Facts(
        params,
        results,
        read_json(layout.metrics("concepts"), ConceptMetrics),
        read_json(layout.evaluation / "concepts.json", ConceptTables),
        read_json(engines, EngineTables) if engines.is_file() else {},
        read_json(layout.metrics("gan"), GanMetrics) if draws else None,
        read_json(layout.metrics("segmenter"), dict[str, Finite]) if drawn else {},
        read_json(layout.metrics("captions"), dict[str, Finite]),
        read_json(layout.metrics("samples"), dict[str, Finite]),
        origin,
        collection,
    )


def write_cards(folder: Path, facts: Facts, meanings: list[Meaning]) -> list[str]:
    """README.md, and DATASET.md of what was made for the model; returns their names."""
    if facts.collection is not None:
        write_collection_card(folder, facts, meanings)
        return ["README.md"]
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
    best = best_meanings(meanings)
    card(
        folder / "README.md",
        "model.md.j2",
        model_header(licence(), result, words, params.samples.test, params.captions.languages),
        **shared,
        result=result,
        composed=titled(result.get("composition", {})),
        codebooks={
            layer: one["codebook"]
            for layer, one in result.get("units", {}).items()
            if "codebook" in one
        },
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
        dataset_header(licence(), captioned, params.captions.languages),
        **shared,
        synonyms=grammar_of(params.captions.languages[0]).vocabulary.synonyms,
        values=ATTRIBUTES,
    )
    return ["README.md", "DATASET.md"]


def write_collection_card(folder: Path, facts: Facts, meanings: list[Meaning]) -> None:
    """README.md of a model that learned from people's pictures and recordings."""
    method = exported(facts.params)
    result = facts.results[method.name]
    card(
        folder / "README.md",
        "collection.md.j2",
        collection_header(result),
        facts=facts,
        params=facts.params,
        method=method,
        result=result,
        words=facts.concepts["words"].get(method.name),
        meanings=best_meanings(meanings),
        detectors=facts.tables["detectors"][:DETECTORS_SHOWN],
    )


def best_meanings(meanings: list[Meaning]) -> list[Meaning]:
    """The concepts that hear a word best; none where no text says what is heard."""
    heard = [(one["word"]["f1"], one) for one in meanings if one["word"]]
    return [one for _, one in sorted(heard, key=lambda pair: -pair[0])[:MEANINGS_SHOWN]]


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
