"""The semantic test (P §6.2): one spoken attribute word; which of two pictures has it?

The two pictures of a pair have the same number of objects and agree, as nearly as the pool allows, in all else: the values of the
other three attributes, and the area of the objects. Otherwise the number of objects gives the answer away.
"""

from dataclasses import dataclass

import numpy as np

from wordbrush.captions.grammar import SYNONYMS
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.parsing import describable

MEANING = {word: value for value, words in SYNONYMS.items() for word in words}
AREA_WEIGHT = 2.0  # an octave of area counts as much as two differing values


@dataclass(frozen=True)
class Pool:
    """The pictures to choose from: sample numbers [P], number of objects [P], area [P], and for each attribute how many
    objects have each value [P, V]."""

    samples: np.ndarray
    objects: np.ndarray
    area: np.ndarray
    counts: dict[str, np.ndarray]


def make_pool(parsed: list[list[dict]], min_confidence: float, min_certainty: float) -> Pool:
    """The describable pictures, numbered as they come: of the others nobody could say what is right."""
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
        for name, values in ATTRIBUTES.items()
    }
    return Pool(
        np.array([sample for sample, _ in kept], int),
        np.array([len(objects) for _, objects in kept], int),
        np.array([sum(thing["area"] for thing in objects) for _, objects in kept], float),
        counts,
    )


def matched_pairs(
    pool: Pool, attribute: str, value: str, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Sample numbers [M, 2] of pictures with the value and without, M ≤ count; empty where the pool has none."""
    column = pool.counts[attribute][:, ATTRIBUTES[attribute].index(value)]
    having, lacking = np.flatnonzero(column > 0), np.flatnonzero(column == 0)
    if not len(having) or not len(lacking):
        return np.empty((0, 2), int)
    having = rng.permutation(having)[:count]
    others = np.concatenate(
        [pool.counts[name] for name in ATTRIBUTES if name != attribute], 1
    ).astype(float)
    apart = np.abs(others[having][:, None] - others[lacking][None]).sum(2)
    octaves = np.log2(np.maximum(pool.area, 1))
    size_is_asked = attribute == "size"  # area is then what is asked for
    apart += (
        0
        if size_is_asked
        else AREA_WEIGHT * np.abs(octaves[having][:, None] - octaves[lacking][None])
    )
    apart += (
        rng.random(apart.shape) * 1e-3
    )  # ties are broken at random, or one picture would serve all
    apart[pool.objects[having][:, None] != pool.objects[lacking][None]] = np.inf
    nearest = apart.argmin(1)
    fits = np.isfinite(apart[np.arange(len(having)), nearest])
    return np.stack([pool.samples[having[fits]], pool.samples[lacking[nearest[fits]]]], 1)


def outcomes(with_word: np.ndarray, without: np.ndarray) -> np.ndarray:
    """1 where the picture with the word scores higher, ½ where the two tie, else 0."""
    return (with_word > without) + 0.5 * (with_word == without)
