"""The real-image test (P §6.5): a caption and a rendered picture, or its edited counterfactual?

The caption, which tells of the original, should score that higher; a tie is an error.
"""

import numpy as np

from wordbrush.data.pairs import Pairs
from wordbrush.data.splits import split_ranges
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import paired_similarities
from wordbrush.evaluation.interface import Numbers, Subject, Test, percent_true
from wordbrush.evaluation.intervals import percent
from wordbrush.evaluation.material import Material
from wordbrush.storage.files import open_array


def run(material: Material, subject: Subject) -> Numbers:
    """Percent of original pictures that their captions prefer."""
    images, speech = material.real
    right = prefer_originals(
        subject.encoders,
        Pairs(images[:, 0], speech),
        images[:, 1],
        np.arange(len(images)),
        subject.encoders.config.similarity,
    )
    return percent_true("real_images", right, material.params)


def prefer_originals(
    encoders: Encoders,
    pairs: Pairs,
    counterfactuals: np.ndarray,
    samples: np.ndarray,
    similarity: str,
) -> np.ndarray:
    """Whether the captions of these samples prefer their pictures to the counterfactuals: bool [N].

    counterfactuals uint8 [S, H, W, 3] are numbered as the samples are.
    """
    heard = encode_speech(encoders, pairs.speech, samples)
    own, other = (
        paired_similarities(encode_images(encoders, pictures, samples), heard, similarity)
        for pictures in (pairs.images, counterfactuals)
    )
    return (own > other).numpy()


def counterfactual_test(material: Material, encoders: Encoders) -> dict[str, float]:
    """The same on rendered samples, in percent: `seen`, on those that trained the encoders, and
    `unseen`, on the material's."""
    params = material.params
    file = material.layout.samples / "counterfactuals.npy"
    counterfactuals = open_array(file, "uint8", (None, None, None, 3))
    sets = {"seen": np.asarray(split_ranges(params.samples)["train"]), "unseen": material.samples}
    found = {
        name: prefer_originals(
            encoders, material.pairs, counterfactuals, samples, encoders.config.similarity
        )
        for name, samples in sets.items()
    }
    return {name: round(float(percent(right)), 2) for name, right in found.items()}


TEST = Test(lambda material: material.real is not None, run)
