"""evaluate: every encoder on the paper's tests -> metrics, plots, and data/evaluation for the report."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_images, to_uint8
from wordbrush.data.recordings import read_shards
from wordbrush.data.splits import split_ranges
from wordbrush.davenet.encoders import load_encoders
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.davenet.kernels import all_similarities
from wordbrush.davenet.matchmap import matchmap, salient_location
from wordbrush.davenet.negatives import Batch
from wordbrush.evaluation.material import Material, read_material
from wordbrush.evaluation.paper import METHODS
from wordbrush.evaluation.protocol import make_editor, measure
from wordbrush.evaluation.spoken import align
from wordbrush.evaluation.words import WordTests
from wordbrush.params import Params
from wordbrush.storage.files import whole_directory, write_csv, write_json
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import Progress
from wordbrush.training.compute import device

ROC_POINTS = 101


def run(params: Params, layout: Layout) -> None:
    material = read_material(params, layout)
    word_tests = WordTests(params, layout, material.pairs, material.segmenter)
    results, scores = {}, {}
    with Progress("evaluating", len(METHODS), "method") as progress:
        for name, method in METHODS.items():
            encoders = load_encoders(layout.encoders(method.stage, method.mining), device())
            features = encode_pairs(encoders, material.pairs, material.samples)
            scores[name] = all_similarities(*features, params.davenet.similarity)
            results[name] = measure(material, method, encoders, scores[name])
            word_tests.measure(name, encoders, features)
            progress.advance()
    best = max(results, key=lambda name: results[name]["recall"]["10"])
    with whole_directory(layout.evaluation) as folder:
        write_examples(folder, material, scores[best], best)
        word_tests.write(folder)
    write_tables(layout, results, scores[best])
    write_json(layout.metrics("evaluation"), results)


def write_tables(layout: Layout, results: dict, scores: Tensor) -> None:
    """The CSVs that `dvc plots` draws."""
    write_csv(
        layout.plots("semantic"),
        ("method", "attribute", "accuracy", "low", "high", "paper"),
        [
            (
                METHODS[name].title,
                attribute,
                float(result["semantic"][attribute]),
                interval["low"],
                interval["high"],
                METHODS[name].semantic[attribute],
            )
            for name, result in results.items()
            for attribute, interval in result["intervals"]["semantic"].items()
        ],
    )
    write_csv(
        layout.plots("recall"),
        ("method", "k", "recall", "paper"),
        [
            (METHODS[name].title, int(k), float(value), METHODS[name].recall[k])
            for name, result in results.items()
            for k, value in result["recall"].items()
        ],
    )
    matched = scores.diagonal().numpy()
    mismatched = scores[~torch.eye(len(scores), dtype=torch.bool)].numpy()
    levels = np.quantile(mismatched, np.linspace(1, 0, ROC_POINTS))
    write_csv(
        layout.plots("roc"),
        ("false_positive_rate", "true_positive_rate"),
        [
            (float((mismatched >= level).mean()), float((matched >= level).mean()))
            for level in levels
        ],
    )


def write_examples(folder: Path, material: Material, scores: Tensor, best: str) -> None:
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
        seen, heard = encode_pairs(encoders, material.pairs, np.array(described))
        images = to_images(material.pairs.images[described])
        batch = Batch(np.array(described), images, seen, heard)
        drawn: list[Tensor] = []
        edited = make_editor(material, method, drawn)(batch).pictures
        places, _ = salient_location(seen.features, heard.features, heard.lengths)
        np.save(folder / f"{method.edits}_edits.npy", to_uint8(edited))
        edits[method.edits] = {
            "places": ((places + 0.5) / seen.features.shape[-1]).tolist(),
            "clusters": drawn[0].tolist() if drawn else None,
        }
    encoders = load_encoders(layout.encoders(METHODS[best].stage, METHODS[best].mining), device())
    seen, heard = encode_pairs(encoders, material.pairs, np.array(described))
    maps, lengths = matchmap(seen.features, heard.features).clamp(min=0), heard.lengths
    np.save(folder / "matchmaps.npy", maps.half().numpy())
    words = [spoken[sample]["words"] for sample in described]
    said = align(words, lengths, encoders.audio.stride * material.pairs.speech.hop)
    at_words = said.sums(maps.flatten(1, 2).transpose(1, 2)) / (said.stop - said.first)[:, None]
    np.save(folder / "word_maps.npy", at_words.unflatten(1, maps.shape[1:3]).half().numpy())
    chosen = scores[:, [sample - test.start for sample in described]].argmax(0) + test.start
    write_json(
        folder / "examples.json",
        {
            "best": best,
            "samples": described,
            "edits": edits,
            "lengths": lengths.tolist(),
            "selected": chosen.tolist(),
            "texts": [spoken[sample]["text"] for sample in described],
            "words": words,
            "maps": [
                {"example": row, "word": said.labels[label]}
                for row, label in zip(said.caption.tolist(), said.label.tolist(), strict=True)
            ],
        },
    )
