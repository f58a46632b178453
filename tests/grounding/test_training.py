"""Encoding sets of any size gives each sample what it has alone."""

import numpy as np
import pytest
import torch

from wordbrush.grounding.encoders import Encoders
from wordbrush.grounding.training import ENCODE_BATCH, encode_images, encode_speech
from wordbrush.speech.features import FeatureStore, write_features


@pytest.mark.parametrize("count", [1, ENCODE_BATCH, ENCODE_BATCH + 1])
def test_sets_of_any_size_are_encoded(tiny, tmp_path, count):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (count, 16, 16, 3), np.uint8)
    write_features(tmp_path / "features", [rng.random((rng.integers(5, 40), tiny.captions.bands)).astype(np.float16)
                                           for _ in range(count)], tiny.captions)
    speech = FeatureStore(tmp_path / "features")
    torch.manual_seed(0)
    encoders = Encoders(tiny.davenet, speech.bands).eval()
    seen, (heard, lengths) = encode_images(encoders, images, np.arange(count)), encode_speech(encoders, speech, np.arange(count))
    assert len(seen) == len(heard) == len(lengths) == count
    for last in (0, count - 1):
        alone, length = encode_speech(encoders, speech, np.array([last]))
        assert length[0] == lengths[last] and torch.allclose(heard[last, :, :length[0]], alone[0], atol=1e-5)
        assert torch.allclose(seen[last], encode_images(encoders, images, np.array([last]))[0], atol=1e-5)
