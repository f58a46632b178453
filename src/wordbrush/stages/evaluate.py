"""evaluate: every encoder on the paper's tests -> metrics, plots, and data/evaluation for the report.

Each method is scored by the same pictures, words and edits, so that methods differ in their encoders alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wordbrush.drawing.sampling import load_generator
from wordbrush.evaluation.edit_success import content_changes
from wordbrush.evaluation.intervals import bootstrap, percent
from wordbrush.evaluation.paper import METHODS, Method
from wordbrush.evaluation.semantic import make_pool, matched_pairs, outcomes
from wordbrush.evaluation.spoken import align
from wordbrush.grounding.encoders import Encoders, load_encoders
from wordbrush.grounding.matchmap import all_similarities, matchmap, paired_similarities, salient
from wordbrush.grounding.retrieval import both_ways, recall
from wordbrush.grounding.training import Batch, Pairs, encode_images, encode_pairs, encode_speech
from wordbrush.params import Params
from wordbrush.runtime.compute import device, to_images, to_uint8
from wordbrush.runtime.files import open_array, read_json, require_counts, whole_directory, write_csv, write_json
from wordbrush.runtime.layout import Layout
from wordbrush.runtime.progress import Progress
from wordbrush.runtime.splits import split_ranges
from wordbrush.scenes.annotations import read_annotations
from wordbrush.scenes.segmenter import Segmenter, load_segmenter, parse
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.speech.features import FeatureStore
from wordbrush.speech.recordings import SpokenWord, read_shards
from wordbrush.stages.davenet import read_pairs
from wordbrush.stages.random_edits import random_editor
from wordbrush.stages.targeted_edits import Clusters, targeted_editor
from wordbrush.stages.words import WordTests

EDIT_BATCH = 64
ROC_POINTS = 101


@dataclass(frozen=True)
class Material:
    """What every method is tested on."""

    params: Params
    layout: Layout
    pairs: Pairs
    parsed: list[list[dict]]
    words: list[SpokenWord]
    word_speech: FeatureStore
    word_pairs: dict[str, np.ndarray]
    real_images: np.ndarray
    real_speech: FeatureStore


def read_material(params: Params, layout: Layout) -> Material:
    """Raises WordbrushError where a part is missing, damaged, or does not fit the others."""
    pairs, parsed = read_pairs(params, layout), read_annotations(layout.annotations)
    require_counts(layout.annotations, parsed_samples=len(parsed), drawings=len(pairs.images))
    words, word_speech = read_json(layout.probes / "words/words.json", list[SpokenWord]), FeatureStore(layout.probes / "words")
    require_counts(layout.probes / "words", words=len(words), sounds=len(word_speech))
    real_images = open_array(layout.real_pairs / "images.npy", "uint8", (None, 2, None, None, 3))
    real_speech = FeatureStore(layout.probes / "real_pairs")
    require_counts(layout.real_pairs, pairs=len(real_images), captions=len(real_speech))
    semantic = split_ranges(params.samples)["semantic"]
    pool = make_pool(list(semantic), [parsed[sample] for sample in semantic], params.segmenter.min_confidence)
    rng = np.random.default_rng(params.seed)
    word_pairs = {value: matched_pairs(pool, attribute, value, params.evaluation.semantic_pairs, rng)
                  for attribute, values in ATTRIBUTES.items() for value in values}
    return Material(params, layout, pairs, parsed, words, word_speech, word_pairs, real_images, real_speech)


def run(params: Params, layout: Layout) -> None:
    material = read_material(params, layout)
    segmenter, generator = load_segmenter(layout.segmenter, device()), load_generator(layout.generator, device())
    word_tests = WordTests(params, layout, material.pairs, segmenter)
    results, scores = {}, {}
    with Progress("evaluating", len(METHODS), "method") as progress:
        for name, method in METHODS.items():
            encoders = load_encoders(layout.encoders(method.stage, method.mining), device())
            features = encode_pairs(encoders, material.pairs, np.asarray(split_ranges(params.samples)["test"]))
            scores[name] = all_similarities(*features, params.davenet.similarity)
            results[name] = {**semantic_test(material, encoders), **recall_test(scores[name], params),
                             **real_image_test(material, encoders)}
            merge_edit_test(results[name], material, method, encoders, generator, segmenter)
            word_tests.measure(name, encoders, features)
            progress.advance()
    best = max(results, key=lambda name: results[name]["recall"]["10"])
    with whole_directory(layout.evaluation) as folder:
        write_examples(folder, material, scores[best], best, generator)
        word_tests.write(folder)
    write_tables(layout, results, scores[best])
    write_json(layout.metrics("evaluation"), results)


def semantic_test(material: Material, encoders: Encoders) -> dict:
    """Table 1: accuracy of every attribute, in percent: the mean over its values, each by all its words and held-out voices."""
    kind, seed = material.params.davenet.similarity, material.params.seed
    audio, lengths = encode_speech(encoders, material.word_speech, np.arange(len(material.word_speech)))
    semantic = split_ranges(material.params.samples)["semantic"]
    features = encode_images(encoders, material.pairs.images, np.asarray(semantic))
    scores = all_similarities(features, audio, lengths, kind).numpy()
    accuracy, intervals = {}, {}
    for attribute, values in ATTRIBUTES.items():
        by_value = []
        for value in values:
            pairs = material.word_pairs[value] - semantic.start
            spoken = [number for number, word in enumerate(material.words) if word["value"] == value]
            if len(pairs):
                by_value.append(outcomes(scores[pairs[:, 0]][:, spoken], scores[pairs[:, 1]][:, spoken]).mean(1))
        accuracy[attribute] = round(100 * float(np.mean([each.mean() for each in by_value])), 2) if by_value else 50.0
        flat = np.concatenate(by_value) if by_value else np.array([0.5])
        intervals[attribute] = bootstrap(flat, percent, material.params.evaluation.bootstrap, seed)
    accuracy["mean"] = round(float(np.mean(list(accuracy.values()))), 2)
    return {"semantic": accuracy, "intervals": {"semantic": intervals}}


def recall_test(scores: Tensor, params: Params) -> dict:
    """Table 2: recall in percent and median rank, both directions together."""
    places = both_ways(scores)
    found = {str(k): round(recall(places, k), 2) for k in (1, 5, 10)}
    interval = bootstrap((places <= 10).float().numpy(), percent, params.evaluation.bootstrap, params.seed)
    return {"recall": found, "median_rank": float(places.float().quantile(0.5)), "recall_10_interval": interval}


def real_image_test(material: Material, encoders: Encoders) -> dict:
    """§6.5: a caption of the original rendered picture must score it above its edited twin; ties count against us."""
    count = len(material.real_images)
    audio, lengths = encode_speech(encoders, material.real_speech, np.arange(count))
    original, edited = (paired_similarities(encode_images(encoders, material.real_images[:, side], np.arange(count)), audio,
                                            lengths, material.params.davenet.similarity) for side in (0, 1))
    right = (original > edited).float().numpy()
    interval = bootstrap(right, percent, material.params.evaluation.bootstrap, material.params.seed)
    return {"real_images": round(100 * float(right.mean()), 2), "real_images_interval": interval}


def edit_batches(material: Material, encoders: Encoders):
    """Batches of test samples, as editors see them in training."""
    test = split_ranges(material.params.samples)["test"]
    for index in torch.arange(test.start, test.stop)[: material.params.evaluation.edit_samples].split(EDIT_BATCH):
        images, audio, lengths = encode_pairs(encoders, material.pairs, index.numpy())
        yield Batch(index.numpy(), to_images(material.pairs.images[index.numpy()]).to(device()), images.to(device()),
                    audio.to(device()), lengths.to(device()))


def merge_edit_test(result: dict, material: Material, method: Method, encoders: Encoders, generator,
                    segmenter: Segmenter) -> None:
    """Percent of edits after which a caption would say something else (P §6.4); None for methods without edits."""
    params = material.params
    intervals = {"recall_10": result.pop("recall_10_interval"), "real_images": result.pop("real_images_interval")}
    result["edit_success"] = None
    if method.edits:
        editor = make_editor(material, method, generator)
        changes = []
        for batch in edit_batches(material, encoders):
            edited = to_uint8(editor(batch)[0])
            before = [material.parsed[sample] for sample in batch.index]
            changes += content_changes(before, parse(segmenter, edited), params.segmenter.min_confidence)
        outcome = np.array(changes, float)
        result["edit_success"] = round(100 * float(outcome.mean()), 2)
        intervals["edit_success"] = bootstrap(outcome, percent, params.evaluation.bootstrap, params.seed)
    result["intervals"].update(intervals)


def make_editor(material: Material, method: Method, generator, drawn: list[Tensor] | None = None):
    """The editor that trained a method."""
    latents, params = material.pairs.latents, material.params
    if method.edits == "random":
        return random_editor(generator, latents, params, params.seed)
    return targeted_editor(generator, latents, Clusters(material.layout, method.mining), params, params.seed, drawn)


def write_tables(layout: Layout, results: dict, scores: Tensor) -> None:
    """The CSVs that `dvc plots` draws."""
    write_csv(layout.plots("semantic"), ("method", "attribute", "accuracy", "low", "high", "paper"),
              [(METHODS[name].title, attribute, float(result["semantic"][attribute]), interval["low"], interval["high"],
                METHODS[name].semantic[attribute])
               for name, result in results.items() for attribute, interval in result["intervals"]["semantic"].items()])
    write_csv(layout.plots("recall"), ("method", "k", "recall", "paper"),
              [(METHODS[name].title, int(k), float(value), METHODS[name].recall[k])
               for name, result in results.items() for k, value in result["recall"].items()])
    matched = scores.diagonal().numpy()
    mismatched = scores[~torch.eye(len(scores), dtype=torch.bool)].numpy()
    levels = np.quantile(mismatched, np.linspace(1, 0, ROC_POINTS))
    write_csv(layout.plots("roc"), ("false_positive_rate", "true_positive_rate"),
              [(float((mismatched >= level).mean()), float((matched >= level).mean())) for level in levels])


def write_examples(folder, material: Material, scores: Tensor, best: str, generator) -> None:
    """Pictures and numbers that the report draws: edits, retrievals and matchmaps."""
    params, layout = material.params, material.layout
    count = params.evaluation.examples
    test = split_ranges(params.samples)["test"]
    described = [sample for sample in test if material.parsed[sample]][:count] or list(test)[:count]
    spoken = {row["sample"]: row for row in read_shards(layout.speech, ["sample", "text", "words"])}
    edits = {}
    for name in ("hn_random_edits", "hn_targeted_edits"):
        method = METHODS[name]
        encoders = load_encoders(layout.encoders(method.stage, method.mining), device())
        images, audio, lengths = encode_pairs(encoders, material.pairs, np.array(described))
        batch = Batch(np.array(described), to_images(material.pairs.images[described]), images, audio, lengths)
        drawn: list[Tensor] = []
        edited, _ = make_editor(material, method, generator, drawn)(batch)
        places, _ = salient(images, audio, lengths)
        np.save(folder / f"{method.edits}_edits.npy", to_uint8(edited))
        edits[method.edits] = {"places": ((places + 0.5) / images.shape[-1]).tolist(),
                               "clusters": drawn[0].tolist() if drawn else None}
    encoders = load_encoders(layout.encoders(METHODS[best].stage, METHODS[best].mining), device())
    images, audio, lengths = encode_pairs(encoders, material.pairs, np.array(described))
    maps = matchmap(images, audio).clamp(min=0)
    np.save(folder / "matchmaps.npy", maps.half().numpy())
    words = [spoken[sample]["words"] for sample in described]
    said = align(words, lengths, encoders.audio.stride * material.pairs.speech.hop)
    at_words = said.sums(maps.flatten(1, 2).transpose(1, 2)) / (said.stop - said.first)[:, None]
    np.save(folder / "word_maps.npy", at_words.unflatten(1, maps.shape[1:3]).half().numpy())
    chosen = scores[:, [sample - test.start for sample in described]].argmax(0) + test.start
    write_json(folder / "examples.json", {
        "best": best, "samples": described, "edits": edits, "lengths": lengths.tolist(), "selected": chosen.tolist(),
        "texts": [spoken[sample]["text"] for sample in described],
        "words": words,
        "maps": [{"example": row, "word": said.labels[label]}
                 for row, label in zip(said.caption.tolist(), said.label.tolist(), strict=True)]})
