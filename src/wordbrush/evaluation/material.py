"""What every method is tested on: whatever of it the data has."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wordbrush.captions.grammar import grammar_of
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.data.origin import Origin, read_origin
from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.speech import FeatureStore
from wordbrush.evaluation.cases import Cases, read_cases
from wordbrush.evaluation.matching import WordTest, make_word_test
from wordbrush.params import Params
from wordbrush.segmenter.annotations import read_annotations
from wordbrush.segmenter.network import Segmenter, load_segmenter
from wordbrush.storage.files import open_array, require_counts
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device


@dataclass(frozen=True)
class Material:
    """Pairs, and what else there is to measure on; None where the data has no such thing.

    samples: the numbers of the captions that are tested, each with its picture. vocabulary: what
    captions can say of objects.
    parsed: the objects of each picture. words: pictures and words of the semantic test. real:
    rendered pairs uint8 [M, 2, H, W, 3], original and edited, and a caption of each original.
    collection: what pictures and recordings came from. cases: of the tests of composition.
    """

    params: Params
    layout: Layout
    pairs: Pairs
    samples: np.ndarray
    vocabulary: Vocabulary
    parsed: list[list[dict]] | None = None
    words: WordTest | None = None
    real: tuple[np.ndarray, FeatureStore] | None = None
    collection: Origin | None = None
    cases: Cases | None = None

    @cached_property
    def segmenter(self) -> Segmenter | None:
        """The reader of pictures, which judges edits."""
        folder = self.layout.segmenter
        there = self.params.graph == "drawn" and folder.is_dir()
        return load_segmenter(folder, device()) if there else None


def language_tested(params: Params) -> str | None:
    """The language of the tests, which is the first in which drawings are described; None: people
    describe a collection, in whichever they like."""
    return params.captions.languages[0] if params.graph == "drawn" else None


def vocabulary_tested(params: Params) -> Vocabulary:
    """What captions in the language of the tests can say."""
    return grammar_of(params.captions.languages[0]).vocabulary


def read_material(params: Params, layout: Layout) -> Material:
    """What the test split has. A folder that is absent is a thing that the data does not have; of a
    collection, so are folders that another graph left.

    Raises WordbrushError where a part is damaged, or does not fit the others.
    """
    pairs, vocabulary = read_pairs(layout), vocabulary_tested(params)
    parsed, words, real, cases = None, None, None, None
    if params.graph == "drawn":
        real, cases = read_real_pairs(layout), read_cases(layout, pairs.images)
    if params.graph == "drawn" and layout.annotations.is_dir():
        parsed = read_annotations(layout.annotations)
        require_counts(layout.annotations, parsed_samples=len(parsed), drawings=len(pairs.images))
    if parsed is not None and (layout.test_speech / "words").is_dir():
        alone = pairs.uncaptioned
        objects = [parsed[number] for number in alone]
        words = make_word_test(
            params, vocabulary, pairs.images[alone], objects, layout.test_speech / "words"
        )
    test = pairs.manifest.captions("test", language_tested(params))
    collection = read_origin(layout)
    return Material(params, layout, pairs, test, vocabulary, parsed, words, real, collection, cases)


def read_real_pairs(layout: Layout) -> tuple[np.ndarray, FeatureStore] | None:
    """The pictures of the real-image test, and the captions of the originals."""
    captions = layout.test_speech / "real_pairs"
    if not (layout.real_pairs.is_dir() and captions.is_dir()):
        return None
    images = open_array(layout.real_pairs / "images.npy", "uint8", (None, 2, None, None, 3))
    speech = FeatureStore(captions)
    require_counts(layout.real_pairs, pairs=len(images), captions=len(speech))
    return images, speech
