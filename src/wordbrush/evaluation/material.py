"""What every method is tested on."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.recordings import SpokenWord
from wordbrush.data.speech import FeatureStore
from wordbrush.data.splits import split_ranges
from wordbrush.evaluation.semantic import make_pool, matched_pairs
from wordbrush.params import Params
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.annotations import read_annotations
from wordbrush.segmenter.network import Segmenter, load_segmenter
from wordbrush.storage.files import open_array, read_json, require_counts
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device


@dataclass(frozen=True)
class WordTest:
    """Pictures uint8 [P, H, W, 3], for each value pairs [M, 2] of them, with it and without, and spoken words."""

    images: np.ndarray
    pairs: dict[str, np.ndarray]
    words: list[SpokenWord]
    speech: FeatureStore


@dataclass(frozen=True)
class Material:
    """What every method is tested on: the pairs with these sample numbers, words, and, but for validation, rendered pairs
    uint8 [M, 2, H, W, 3] with a caption of each."""

    params: Params
    layout: Layout
    pairs: Pairs
    parsed: list[list[dict]]
    samples: np.ndarray
    words: WordTest
    real: tuple[np.ndarray, FeatureStore] | None

    @cached_property
    def segmenter(self) -> Segmenter:
        return load_segmenter(self.layout.segmenter, device())


def make_word_test(
    params: Params, images: np.ndarray, parsed: list[list[dict]], spoken: Path
) -> WordTest:
    """Pair pictures with their parses for every value; `spoken`: the folder of words."""
    words, speech = read_json(spoken / "words.json", list[SpokenWord]), FeatureStore(spoken)
    require_counts(spoken, words=len(words), sounds=len(speech))
    pool = make_pool(parsed, params.segmenter.min_confidence, params.evaluation.min_certainty)
    rng = np.random.default_rng(params.seed)
    pairs = {
        value: matched_pairs(pool, attribute, value, params.evaluation.semantic_pairs, rng)
        for attribute, values in ATTRIBUTES.items()
        for value in values
    }
    return WordTest(images, pairs, words, speech)


def read_material(params: Params, layout: Layout) -> Material:
    """Raises WordbrushError where a part is missing, damaged, or does not fit the others."""
    pairs, parsed = read_pairs(params, layout), read_annotations(layout.annotations)
    require_counts(layout.annotations, parsed_samples=len(parsed), drawings=len(pairs.images))
    real_images = open_array(layout.real_pairs / "images.npy", "uint8", (None, 2, None, None, 3))
    real_speech = FeatureStore(layout.test_speech / "real_pairs")
    require_counts(layout.real_pairs, pairs=len(real_images), captions=len(real_speech))
    splits = split_ranges(params.samples)
    chosen = slice(splits["semantic"].start, splits["semantic"].stop)
    words = make_word_test(
        params, pairs.images[chosen], parsed[chosen], layout.test_speech / "words"
    )
    return Material(
        params, layout, pairs, parsed, np.asarray(splits["test"]), words, (real_images, real_speech)
    )
