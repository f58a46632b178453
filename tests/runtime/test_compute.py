"""Pictures convert exactly; non-finite numbers stop a stage by name."""

import numpy as np
import pytest
import torch

from wordbrush.runtime.compute import require_finite, to_images, to_uint8
from wordbrush.runtime.errors import WordbrushError


def test_pictures_survive_the_round_trip():
    images = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    floats = to_images(images)
    assert floats.shape == (5, 3, 4, 6) and floats.min() >= -1 and floats.max() <= 1
    assert np.array_equal(to_uint8(floats), images)
    assert np.array_equal(to_uint8(torch.full((1, 3, 1, 1), 7.0)), np.full((1, 1, 1, 3), 255, np.uint8))


def test_non_finite_losses_are_named():
    require_finite(torch.tensor([1.0, 2.0]), "the loss", 3)
    with pytest.raises(WordbrushError, match="generator loss is not finite at step 12"):
        require_finite(torch.tensor([1.0, float("inf")]), "generator loss", 12)
