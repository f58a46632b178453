"""A sample is encoded as if alone, in sets of any size."""

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.encoding import BATCH, collected, encode_images, encode_speech


@pytest.mark.parametrize("count", [1, BATCH, BATCH + 1])
def test_sets_of_any_size_are_encoded(tiny, tmp_path, count):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (count, 16, 16, 3), np.uint8)
    frames = [rng.random((length, tiny.captions.bands)) for length in rng.integers(5, 40, count)]
    write_features(
        tmp_path / "features",
        [one.astype(np.float16) for one in frames],
        FeatureConfig.taken_from(tiny.captions),
    )
    speech = FeatureStore(tmp_path / "features")
    torch.manual_seed(0)
    encoders = Encoders(EncoderConfig.of(tiny.davenet, speech.config)).eval()
    seen = encode_images(encoders, images, np.arange(count))
    heard = encode_speech(encoders, speech, np.arange(count))
    assert len(seen) == len(heard) == len(heard.lengths) == count
    assert heard.valid.sum(1).tolist() == heard.lengths.tolist() and seen.lengths is None
    for last in (0, count - 1):
        alone = encode_speech(encoders, speech, np.array([last]))
        (length,) = alone.lengths
        assert length == heard.lengths[last]
        assert torch.allclose(heard.features[last, :, :length], alone.features[0], atol=1e-5)
        picture = encode_images(encoders, images, np.array([last])).features[0]
        assert torch.allclose(seen.features[last], picture, atol=1e-5)


def test_batches_are_collected_and_padded():
    parts = [
        Encoded(torch.ones(2, 3, 4), torch.tensor([4, 2])),
        Encoded(torch.ones(1, 3, 2), torch.tensor([1])),
    ]
    whole = collected(iter(parts), 3, 6)
    assert whole.features.shape == (3, 3, 6) and whole.lengths.tolist() == [4, 2, 1]
    assert whole.features[:, 0].tolist() == [[1, 1, 1, 1, 0, 0]] * 2 + [[1, 1, 0, 0, 0, 0]]
