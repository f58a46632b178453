"""Drawings and the sounds of their objects, as pairs on which DAVEnet is trained: alone, or mixed
with what is said of the drawings."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.params import Params
from wordbrush.senses.reading import heard_objects
from wordbrush.senses.struck import struck_frames
from wordbrush.storage.layout import Layout

NOBODY = "nobody"  # the speaker of an impact
NO_LANGUAGE = "zxx"  # ISO 639: no linguistic content


def struck_pairs(params: Params, layout: Layout, pairs: Pairs, folder: Path) -> Pairs:
    """Each drawing that a caption tells of, with its objects, struck, in place of captions.

    folder: where the features are written.
    """
    pictures, first = np.unique(pairs.manifest.images, return_index=True)
    objects, numbers = heard_objects(params, layout), pictures.tolist()
    told = [objects[number] for number in numbers]
    config = pairs.speech.config
    write_features(folder, struck_frames(told, numbers, params.seed, config), config)
    spoken = (np.full(len(pictures), text) for text in (NOBODY, NO_LANGUAGE))
    manifest = Manifest(pictures, pairs.manifest.splits[first], *spoken)
    return replace(pairs, speech=FeatureStore(folder), manifest=manifest)


def mixed(captions: Pairs, struck: Pairs, folder: Path) -> Pairs:
    """All that is said of the drawings, and then all that is struck. folder: as above."""
    stores = captions.speech, struck.speech
    frames = chain.from_iterable(map(frames_of, stores))
    write_features(folder, frames, captions.speech.config)
    columns = ("images", "splits", "speakers", "languages")
    manifest = Manifest(
        *(
            np.concatenate([getattr(one.manifest, name) for one in (captions, struck)])
            for name in columns
        )
    )
    return replace(captions, speech=FeatureStore(folder), manifest=manifest)


def frames_of(store: FeatureStore) -> Iterator[np.ndarray]:
    """float16 [T, bands] of each utterance, as they are stored."""
    return (
        store.frames[start:stop]
        for start, stop in zip(store.offsets[:-1], store.offsets[1:], strict=True)
    )
