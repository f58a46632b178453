"""Pairs of pictures for the semantic test (P §6.2), of which one shows a value and the other not.

The two pictures of a pair have the same number of objects and agree, as nearly as the pool allows,
in all else: the values of the other attributes, and the area of the objects. Otherwise the number
of objects would give the answer away.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.data.recordings import SpokenWord
from wordbrush.data.speech import FeatureStore
from wordbrush.params import Params
from wordbrush.segmenter.parsing import describable
from wordbrush.storage.files import read_json, require_counts

AREA_WEIGHT = 2.0  # an octave of area counts as much as two differing values


@dataclass(frozen=True)
class WordTest:
    """What the semantic test is made on.

    images: pictures uint8 [P, H, W, 3]. pairs: for each value, numbers [M, 2] of pictures with it
    and without. words: spoken words, as many as `speech` has utterances.
    """

    images: np.ndarray
    pairs: dict[str, np.ndarray]
    words: list[SpokenWord]
    speech: FeatureStore


def make_word_test(
    params: Params,
    vocabulary: Vocabulary,
    images: np.ndarray,
    parsed: list[list[dict]],
    words: Path,
) -> WordTest:
    """Pair pictures by their parsed objects for every value; `words`: the folder of the words."""
    spoken, speech = read_json(words / "words.json", list[SpokenWord]), FeatureStore(words)
    require_counts(words, words=len(spoken), sounds=len(speech))
    return WordTest(images, match_pairs(params, vocabulary, parsed), spoken, speech)


def match_pairs(
    params: Params, vocabulary: Vocabulary, parsed: list[list[dict]]
) -> dict[str, np.ndarray]:
    """For each value, numbers [M, 2] of pictures with it and without, by their parsed objects."""
    least = params.segmenter.min_confidence, params.evaluation.min_certainty
    pool, rng = make_pool(vocabulary, parsed, *least), np.random.default_rng(params.seed)
    return {
        value: matched_pairs(pool, attribute, value, params.evaluation.semantic_pairs, rng)
        for attribute, values in vocabulary.attributes.items()
        for value in values
    }


@dataclass(frozen=True)
class Pool:
    """The pictures to choose from.

    samples [P]: their numbers. objects [P]: how many each has. area [P]: what these cover. counts:
    for each attribute, how many objects have each value [P, V].
    """

    vocabulary: Vocabulary
    samples: np.ndarray
    objects: np.ndarray
    area: np.ndarray
    counts: dict[str, np.ndarray]


def make_pool(
    vocabulary: Vocabulary, parsed: list[list[dict]], min_confidence: float, min_certainty: float
) -> Pool:
    """The describable pictures: of the others nobody could say what is right."""
    kept = [
        (sample, objects)
        for sample, objects in enumerate(parsed)
        if describable(objects, min_confidence, min_certainty)
    ]
    counts = {
        name: np.array(
            [
                [sum(thing[name] == value for thing in objects) for value in values]
                for _, objects in kept
            ]
        ).reshape(len(kept), len(values))
        for name, values in vocabulary.attributes.items()
    }
    return Pool(
        vocabulary,
        np.array([sample for sample, _ in kept], int),
        np.array([len(objects) for _, objects in kept], int),
        np.array([sum(thing["area"] for thing in objects) for _, objects in kept], float),
        counts,
    )


def matched_pairs(
    pool: Pool, attribute: str, value: str, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Numbers [M, 2] of pictures with the value and without, at most `count` pairs."""
    attributes = pool.vocabulary.attributes
    column = pool.counts[attribute][:, attributes[attribute].index(value)]
    having, lacking = np.flatnonzero(column > 0), np.flatnonzero(column == 0)
    if not len(having) or not len(lacking):
        return np.empty((0, 2), int)
    having = rng.permutation(having)[:count]
    others = np.concatenate(
        [pool.counts[name] for name in attributes if name != attribute], 1
    ).astype(float)
    apart = np.abs(others[having][:, None] - others[lacking][None]).sum(2)
    octaves = np.log2(np.maximum(pool.area, 1))
    size_is_asked = attribute == "size"  # area is then what is asked for
    apart += (
        0
        if size_is_asked
        else AREA_WEIGHT * np.abs(octaves[having][:, None] - octaves[lacking][None])
    )
    apart += rng.random(apart.shape) * 1e-3  # breaks ties, or one picture would serve for all
    apart[pool.objects[having][:, None] != pool.objects[lacking][None]] = np.inf
    nearest = apart.argmin(1)
    fits = np.isfinite(apart[np.arange(len(having)), nearest])
    return np.stack([pool.samples[having[fits]], pool.samples[lacking[nearest[fits]]]], 1)
