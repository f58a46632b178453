"""The tests of a method; all methods see the same pictures, words and edits, and so differ in their encoders alone.

Every test returns values in percent and their 95 % intervals, as results.Result holds them.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import to_images, to_uint8
from wordbrush.data.pairs import Pairs
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_images, encode_pairs, encode_speech
from wordbrush.davenet.kernels import all_similarities, paired_similarities
from wordbrush.davenet.negatives import Batch, Editor
from wordbrush.davenet.retrieval import both_ways, recall
from wordbrush.editing.editors import make_random_editor, make_targeted_editor
from wordbrush.evaluation.edit_success import content_changes
from wordbrush.evaluation.intervals import bootstrap, percent
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.paper import Method
from wordbrush.evaluation.semantic import outcomes
from wordbrush.params import Params
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.parsing import parse
from wordbrush.training.compute import device

EDIT_BATCH = 64
Numbers = tuple[dict, dict]  # values, and their intervals


def measure(material: Material, method: Method, encoders: Encoders, scores: Tensor) -> dict:
    """All numbers of a method; `scores` [N, N] of the material's samples."""
    tests = [
        semantic_test(material, encoders),
        recall_test(material, scores),
        edit_test(material, method, encoders),
    ]
    tests += [real_image_test(material, encoders)] if material.real else []
    values, intervals = (
        {name: one for test in tests for name, one in test[part].items()} for part in range(2)
    )
    return {**values, "intervals": intervals}


def semantic_test(material: Material, encoders: Encoders) -> Numbers:
    """Table 1: accuracy of every attribute, in percent: the mean over its values, each by all its words and voices."""
    params, test = material.params, material.words
    heard = encode_speech(encoders, test.speech, np.arange(len(test.speech)))
    seen = encode_images(encoders, test.images, np.arange(len(test.images)))
    scores = all_similarities(seen, heard, encoders.config.similarity).numpy()
    accuracy, intervals = {}, {}
    for attribute, values in ATTRIBUTES.items():
        by_value = []
        for value in values:
            pairs = test.pairs[value]
            spoken = [number for number, word in enumerate(test.words) if word["value"] == value]
            if len(pairs):
                by_value.append(
                    outcomes(scores[pairs[:, 0]][:, spoken], scores[pairs[:, 1]][:, spoken]).mean(1)
                )
        accuracy[attribute] = (
            round(100 * float(np.mean([each.mean() for each in by_value])), 2) if by_value else 50.0
        )
        flat = np.concatenate(by_value) if by_value else np.array([0.5])
        intervals[attribute] = bootstrap(flat, percent, params.evaluation.bootstrap, params.seed)
    accuracy["mean"] = round(float(np.mean(list(accuracy.values()))), 2)
    return {"semantic": accuracy}, {"semantic": intervals}


def recall_test(material: Material, scores: Tensor) -> Numbers:
    """Table 2: recall in percent and median rank, both directions together."""
    places, params = both_ways(scores), material.params
    found = {str(k): round(recall(places, k), 2) for k in (1, 5, 10)}
    interval = bootstrap(
        (places <= 10).float().numpy(), percent, params.evaluation.bootstrap, params.seed
    )
    return {"recall": found, "median_rank": float(places.float().quantile(0.5))}, {
        "recall_10": interval
    }


def real_image_test(material: Material, encoders: Encoders) -> Numbers:
    """§6.5: a caption of the original rendered picture must score it above its edited counterfactual; ties count against us."""
    (images, speech), params = material.real, material.params
    right = beats_counterfactual(
        encoders,
        Pairs(images[:, 0], speech),
        images[:, 1],
        np.arange(len(images)),
        params.davenet.similarity,
    )
    return share("real_images", right, params)


def beats_counterfactual(
    encoders: Encoders,
    pairs: Pairs,
    counterfactuals: np.ndarray,
    samples: np.ndarray,
    similarity: str,
) -> np.ndarray:
    """Whether the caption of each of these samples scores its picture above the picture's counterfactual, of the same number: bool [N]."""
    heard = encode_speech(encoders, pairs.speech, samples)
    own, other = (
        paired_similarities(encode_images(encoders, pictures, samples), heard, similarity)
        for pictures in (pairs.images, counterfactuals)
    )
    return (own > other).numpy()


def edit_test(material: Material, method: Method, encoders: Encoders) -> Numbers:
    """Percent of edits after which a caption would say something else (P §6.4); None for methods without edits."""
    if not method.edits:
        return {"edit_success": None}, {}
    editor, params, changes = make_editor(material, method), material.params, []
    for batch in edit_batches(material, encoders):
        edited = to_uint8(editor(batch).pictures)
        before = [material.parsed[sample] for sample in batch.index]
        changes += content_changes(
            before, parse(material.segmenter, edited), params.segmenter.min_confidence
        )
    return share("edit_success", np.array(changes), params)


def share(name: str, outcomes: np.ndarray, params: Params) -> Numbers:
    """Percent of `outcomes` [N] that are true."""
    outcomes = outcomes.astype(float)
    return (
        {name: round(100 * float(outcomes.mean()), 2)},
        {name: bootstrap(outcomes, percent, params.evaluation.bootstrap, params.seed)},
    )


def edit_batches(material: Material, encoders: Encoders) -> Iterator[Batch]:
    """Batches of the samples, as editors see them in training."""
    for index in torch.from_numpy(
        material.samples[: material.params.evaluation.edit_samples]
    ).split(EDIT_BATCH):
        seen, heard = encode_pairs(encoders, material.pairs, index.numpy())
        yield Batch(
            index.numpy(),
            to_images(material.pairs.images[index.numpy()]).to(device()),
            seen.to(device()),
            heard.to(device()),
        )


def make_editor(material: Material, method: Method, drawn: list[Tensor] | None = None) -> Editor:
    """The editor that trained a method; `drawn`, where given, receives the cluster of each targeted edit."""
    params, layout = material.params, material.layout
    if method.edits == "random":
        return make_random_editor(params, layout, params.seed)
    return make_targeted_editor(params, layout, method.mining, params.seed, drawn)
