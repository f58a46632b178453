"""Encoding sets of any size gives each sample what it has alone; edited pictures meet whole captions."""

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.images import to_images
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.matchmap import paired_similarities
from wordbrush.davenet.training import (
    ENCODE_BATCH,
    Edited,
    encode_images,
    encode_speech,
    score_edits,
)


@pytest.mark.parametrize("count", [1, ENCODE_BATCH, ENCODE_BATCH + 1])
def test_sets_of_any_size_are_encoded(tiny, tmp_path, count):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 255, (count, 16, 16, 3), np.uint8)
    write_features(
        tmp_path / "features",
        [
            rng.random((rng.integers(5, 40), tiny.captions.bands)).astype(np.float16)
            for _ in range(count)
        ],
        FeatureConfig.taken_from(tiny.captions),
    )
    speech = FeatureStore(tmp_path / "features")
    torch.manual_seed(0)
    encoders = Encoders(EncoderConfig.of(tiny.davenet, speech.config)).eval()
    seen, (heard, lengths) = (
        encode_images(encoders, images, np.arange(count)),
        encode_speech(encoders, speech, np.arange(count)),
    )
    assert len(seen) == len(heard) == len(lengths) == count
    for last in (0, count - 1):
        alone, length = encode_speech(encoders, speech, np.array([last]))
        assert length[0] == lengths[last] and torch.allclose(
            heard[last, :, : length[0]], alone[0], atol=1e-5
        )
        assert torch.allclose(
            seen[last], encode_images(encoders, images, np.array([last]))[0], atol=1e-5
        )


class Fixed:
    """An editor whose pictures, validity and donors are known."""

    rng = torch.Generator()

    def __init__(self, edited):
        self.edited = edited

    def __call__(self, batch):
        self.batch = batch
        return self.edited


def test_edited_pictures_meet_whole_captions(tiny, tmp_path):
    rng = np.random.default_rng(0)
    write_features(
        tmp_path / "features",
        [
            rng.random((rng.integers(90, 300), tiny.captions.bands)).astype(np.float16)
            for _ in range(9)
        ],
        FeatureConfig.taken_from(tiny.captions),
    )  # up to six seconds: more than a piece has
    speech, images = (
        FeatureStore(tmp_path / "features"),
        rng.integers(0, 255, (9, 16, 16, 3), np.uint8),
    )
    torch.manual_seed(0)
    encoders = Encoders(EncoderConfig.of(tiny.davenet, speech.config))
    moments = encoders.audio.norms[0].running_mean.clone()
    index = np.array([7, 2, 5, 0])
    editor = Fixed(
        Edited(torch.randn(2, 3, 16, 16), torch.tensor([True, False]), torch.tensor([1, 0]))
    )
    stage = tiny.schedule.random_edits.model_copy(update={"edit_every": 2})
    pictures = to_images(images[index])
    seen = encoders.encode_images(pictures)
    scores = score_edits(
        encoders, Pairs(images, speech), index, pictures, seen, tiny.davenet, stage, editor
    )
    assert editor.batch.index.tolist() == [7, 5] and torch.equal(editor.batch.images, pictures[::2])
    assert torch.equal(encoders.audio.norms[0].running_mean, moments)

    heard, lengths = encode_speech(encoders.eval(), speech, np.array([7, 5]))
    edited = encoders.train().encode_images(editor.edited.pictures)
    for number, found in ((torch.arange(2), scores.excess), (torch.tensor([1, 0]), scores.gain)):
        before, after = (
            paired_similarities(one, heard[number], lengths[number], tiny.davenet.similarity)
            for one in (seen[::2], edited)
        )
        assert torch.allclose(found[::2], after - before, atol=1e-4) and not found[1::2].any()
    assert scores.valid.tolist() == [True, False, False, False]
