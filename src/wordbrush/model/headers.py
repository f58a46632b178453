"""What a card tells machines: Hugging Face's metadata, written by huggingface_hub."""

from collections.abc import Iterator
from importlib import metadata
from typing import cast

from wordbrush.errors import optional_packages
from wordbrush.evaluation.composed import titled
from wordbrush.evaluation.results import Result, WayRecall, WordScores

DATASET = "wordbrush-scenes-and-speech"
SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
)  # Hugging Face's names


def licence() -> str:
    """What the package states, as Hugging Face writes it; `unknown` is its word for none."""
    stated = metadata.metadata("wordbrush")
    return stated["License-Expression"].lower() if "License-Expression" in stated else "unknown"


def model_header(
    licence: str, result: Result, words: WordScores, test: int, languages: list[str]
) -> str:
    """YAML of a model card, without the lines `---`. test: how many samples were tested."""
    with optional_packages():
        from huggingface_hub import EvalResult, ModelCardData  # here, since it takes 0.7 s
    results = [
        EvalResult(
            task_type="audio-image-retrieval",
            task_name="Speech and picture retrieval",
            dataset_type=DATASET,
            dataset_name="Drawings with spoken captions",
            dataset_split="test",
            metric_type=kind,
            metric_value=value,
            metric_name=name,
        )
        for kind, value, name in measured(result, words, test)
    ]
    return ModelCardData(
        license=licence,
        library_name="wordbrush",
        language=languages,
        tags=["visually-grounded-speech", "word-discovery", "audio-visual", "gan", "davenet"],
        datasets=[DATASET],
        metrics=["recall", "accuracy", "f1"],
        model_name="wordbrush",
        eval_results=results,
    ).to_yaml()


def collection_header(result: Result) -> str:
    """YAML of the card of a model of a collection, whose licence and languages its owner knows."""
    with optional_packages():
        from huggingface_hub import EvalResult, ModelCardData
    results = [
        EvalResult(
            task_type="audio-image-retrieval",
            task_name="Speech and picture retrieval",
            dataset_type="collection",
            dataset_name="A collection of pictures and recordings",
            dataset_split="test",
            metric_type="recall_at_k",
            metric_value=one["value"],
            metric_name=f"Recall@{k} of {way['candidates']} {name}, percent",
        )
        for name, way in cast(dict[str, WayRecall], result["ways"]).items()
        for k, one in way["recall"].items()
    ]
    return ModelCardData(
        license="other",
        library_name="wordbrush",
        tags=["visually-grounded-speech", "word-discovery", "audio-visual", "davenet"],
        metrics=["recall", "f1"],
        model_name="wordbrush",
        eval_results=results,
    ).to_yaml()


def measured(result: Result, words: WordScores, test: int) -> Iterator[tuple[str, float, str]]:
    """Hugging Face's name of a metric, its value, and our words for it."""
    for k, value in cast(dict[str, float], result["recall"]).items():
        yield "recall_at_k", value, f"Recall@{k} of {test}, both directions, percent"
    for name, value in result.get("semantic", {}).items():
        yield "accuracy", value, f"Semantic test, {name}, percent"
    if "real_images" in result:
        yield "accuracy", result["real_images"], "Real-image test, percent"
    for title, one in titled(result.get("composition", {})).items():
        yield "accuracy", one["value"], f"{title.capitalize()}, percent"
    yield "f1", words["word_f1"], "Attribute words by their best unit, mean F1, percent"
    for title, found in (
        ("Pointing at a word's objects", words.get("pointing")),
        ("Pointing, contested", words.get("contested")),
        ("Firing while named", words.get("naming")),
    ):
        if found:
            yield "accuracy", found["value"], f"{title}, percent"


def dataset_header(licence: str, count: int, languages: list[str]) -> str:
    """YAML of a dataset card, without the lines `---`. count: captioned pictures."""
    with optional_packages():
        from huggingface_hub import DatasetCardData
    return DatasetCardData(
        license=licence,
        pretty_name="Wordbrush scenes and speech",
        language=languages,
        task_categories=["image-to-text", "automatic-speech-recognition"],
        size_categories=[next((name for most, name in SIZES if count < most), "n>1M")],
        annotations_creators=["machine-generated"],
        source_datasets=["original"],
        tags=["synthetic", "clevr", "spoken-captions", "word-timings"],
    ).to_yaml()
