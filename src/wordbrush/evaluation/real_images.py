"""The real-image test (P §6.5): a caption and a rendered picture, or its edited counterfactual?

The caption, which tells of the original, should score that higher; a tie is an error.
"""

import numpy as np

from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_captions, encode_images, encode_speech
from wordbrush.davenet.kernels import paired_similarities
from wordbrush.evaluation.interface import Numbers, Subject, Test, needed, percent_true
from wordbrush.evaluation.intervals import percent
from wordbrush.evaluation.material import Material
from wordbrush.storage.files import open_array


def run(material: Material, subject: Subject) -> Numbers:
    """Percent of original pictures that their captions prefer."""
    images, speech = needed(material.real)
    right = prefer_originals(
        subject.encoders,
        (images[:, 0], images[:, 1]),
        np.arange(len(images)),
        encode_speech(subject.encoders, speech, np.arange(len(speech))),
    )
    return percent_true("real_images", right, material.params)


def prefer_originals(
    encoders: Encoders,
    versions: tuple[np.ndarray, np.ndarray],
    pictures: np.ndarray,
    heard: Encoded,
) -> np.ndarray:
    """Whether captions prefer their pictures to the counterfactuals: bool [N].

    versions: originals and counterfactuals, uint8 [S, H, W, 3] each. pictures [N]: the number of
    the picture that each caption tells of. heard: the encoded captions.
    """
    own, other = (
        paired_similarities(
            encode_images(encoders, version, pictures), heard, encoders.config.similarity
        )
        for version in versions
    )
    return (own > other).numpy()


def counterfactual_test(material: Material, encoders: Encoders) -> dict[str, float]:
    """The same on rendered samples, in percent: `seen`, on those that trained the encoders, and
    `unseen`, on the material's."""
    pairs, manifest = material.pairs, material.pairs.manifest
    file = material.layout.samples / "counterfactuals.npy"
    versions = (pairs.images, open_array(file, "uint8", (None, None, None, 3)))
    sets = {"seen": manifest.captions("train"), "unseen": material.samples}
    found = {
        name: prefer_originals(
            encoders,
            versions,
            manifest.images[captions],
            encode_captions(encoders, pairs, captions),
        )
        for name, captions in sets.items()
    }
    return {name: round(float(percent(right)), 2) for name, right in found.items()}


TEST = Test(
    "real images",
    "pairs of rendered pictures, and captions of them",
    lambda material: material.real is not None,
    run,
)
