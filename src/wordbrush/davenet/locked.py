"""The picture branch when it no longer learns: what it sees in each picture, computed once."""

import numpy as np
from torch import Tensor

from wordbrush.data.pairs import Pairs
from wordbrush.data.resident import Rows
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import encode_images
from wordbrush.training.compute import device_of


class LockedPictures:
    """Features of all pictures of the split `train`, and of their twins, by a picture branch that
    stays as it is.

    While only the audio branch learns, a step needs no more of the picture branch (locked-image
    tuning, Zhai et al. 2022). Raises WordbrushError where the memory does not hold the features.
    """

    def __init__(self, encoders: Encoders, pairs: Pairs):
        self.numbers = np.unique(pairs.manifest.pictures(pairs.manifest.captions("train")))
        encoders.eval()
        seen = encode_images(encoders, pairs.images, self.numbers).features.numpy()
        if pairs.twins is not None:
            numbers = np.arange(len(pairs.twins))
            twins = encode_images(encoders, pairs.twins.images, numbers).features.numpy()
            self.numbers = np.concatenate([self.numbers, len(pairs.images) + numbers])
            seen = np.concatenate([seen, twins])
        encoders.train()
        self.features = Rows(seen, device_of(encoders))

    def of(self, pictures: np.ndarray) -> Tensor:
        """What is seen in pictures with these numbers [N]: features [N, D, h, w]."""
        return self.features.pick(np.searchsorted(self.numbers, pictures))
