"""Retrieval among pictures that training saw: by captions that it heard, and by others of them.

Held-out pictures say what a model understands; these say what it knows again. Each set has as many
pictures as the test split, so that chance is the same.
"""

from collections.abc import Iterator

import numpy as np

from wordbrush.data.manifest import Manifest
from wordbrush.data.splits import TRAIN, UNHEARD
from wordbrush.evaluation.interface import Numbers, Subject, Test
from wordbrush.evaluation.material import Material
from wordbrush.evaluation.results import Ways
from wordbrush.evaluation.retrieval import ways_among

MOST = 1000  # ours: pictures of a set; as many as validation of Places audio captions has


def run(material: Material, subject: Subject) -> Numbers:
    """Both ways, by set: `trained`, `shuffled`, `unheard`, and `unheard LANGUAGE`."""
    manifest, params = material.pairs.manifest, material.params
    found: dict[str, Ways] = {
        name: among(material, subject, manifest, captions)
        for name, captions in sets(manifest)
        if len(captions)
    }
    if params.pairs.shuffle:
        shuffled = manifest.shuffled(params.seed)
        found["shuffled"] = among(material, subject, shuffled, shuffled.captions(TRAIN))
    return {"known": found}, {}


def sets(manifest: Manifest) -> Iterator[tuple[str, np.ndarray]]:
    """Captions of pictures for training, by what training heard of them."""
    trained, unheard = manifest.captions(TRAIN), manifest.captions(UNHEARD)
    unheard = unheard[np.isin(manifest.images[unheard], manifest.images[trained])]
    heard = np.isin(manifest.languages[unheard], manifest.languages[trained])
    yield "trained", trained
    yield UNHEARD, unheard[heard]
    for language in np.unique(manifest.languages[unheard[~heard]]):
        yield f"{UNHEARD} {language}", unheard[manifest.languages[unheard] == language]


def among(material: Material, subject: Subject, manifest: Manifest, captions: np.ndarray) -> Ways:
    """Both ways among as many pictures of these captions as the tests have, drawn at random."""
    tested = len(material.pairs.manifest.pictures(material.samples))
    pictures = np.random.default_rng(material.params.seed).permutation(manifest.pictures(captions))
    chosen = np.isin(manifest.images[captions], pictures[: min(tested, MOST)])
    return ways_among(material, subject.encoders, manifest, captions[chosen])


TEST = Test(
    "pictures of training",
    "a collection",
    lambda material: material.collection is not None,
    run,
)
