"""The cases of drawings that a segmenter has read: the one place where a training reads text."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.recordings import read_shards
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.data.splits import CAPTIONED
from wordbrush.params import Params
from wordbrush.segmenter.annotations import read_annotations
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.presences import presences
from wordbrush.senses.cases import Cases, halves
from wordbrush.senses.sentences import known_words, numbered
from wordbrush.senses.struck import struck_frames
from wordbrush.storage.layout import Layout
from wordbrush.training.compute import device

Attributes = Mapping[str, Sequence[str]]


def read_cases(params: Params, layout: Layout, sounds: Path) -> tuple[Cases, list[str], Attributes]:
    """The captioned drawings as three senses take them in; the words that training knows; and the
    values of each attribute that the segmenter tells of.

    Captions are those of the first language. sounds: where the features of impacts are written, if
    they are what is heard.
    """
    pairs, segmenter = read_pairs(layout), load_segmenter(layout.segmenter, device())
    attributes, language = segmenter.config.attributes, params.captions.languages[0]
    captions = np.sort(
        np.concatenate([pairs.manifest.captions(split, language) for split in CAPTIONED])
    )
    pictures, splits = pairs.manifest.images[captions], pairs.manifest.splits[captions]
    every = read_annotations(layout.annotations)
    parsed = [every[number] for number in pictures]
    told = [sure_objects(objects, params.segmenter.min_confidence) for objects in parsed]
    rows = read_shards(layout.speech, ["text"])
    texts = [rows[number]["text"] for number in captions]
    words = known_words([texts[case] for case in halves(splits)["text"]])
    store, heard = heard_of(params, pairs, captions, told, sounds)
    cases = Cases(
        captions,
        pairs.images,
        pictures,
        store,
        heard,
        numbered(texts, words),
        presences(segmenter, pairs.images[pictures], parsed),
        counts_of(told, attributes),
        splits,
    )
    return cases, words, attributes


def heard_objects(params: Params, layout: Layout) -> list[list[dict]]:
    """The objects of every drawing, as they are struck."""
    sure = params.segmenter.min_confidence
    return [sure_objects(objects, sure) for objects in read_annotations(layout.annotations)]


def sure_objects(objects: list[dict], min_confidence: float) -> list[dict]:
    """Those of a drawing that captions tell of."""
    return [thing for thing in objects if thing["confidence"] >= min_confidence]


def heard_of(
    params: Params, pairs: Pairs, captions: np.ndarray, told: list[list[dict]], folder: Path
) -> tuple[FeatureStore, np.ndarray]:
    """All that can be heard, and the number of what is heard of each of these captions: the caption
    itself, or the objects of its picture, struck."""
    if params.senses.sound == "speech":
        return pairs.speech, captions
    numbers = pairs.manifest.images[captions].tolist()
    frames = struck_frames(told, numbers, params.seed, pairs.speech.config)
    write_features(folder, frames, pairs.speech.config)
    return FeatureStore(folder), np.arange(len(captions))


def counts_of(told: list[list[dict]], attributes: Attributes) -> np.ndarray:
    """How many objects of each of M drawings have each value: int64 [M, A]."""
    return np.array(
        [
            [
                sum(thing[name] == value for thing in objects)
                for name, values in attributes.items()
                for value in values
            ]
            for objects in told
        ],
        np.int64,
    ).reshape(len(told), -1)
