"""What a training step minimises beside the objective, and which utterances belong together."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.training import Settings, Trainer, TrainingPairs, same_sample


class Costly(Encoders):
    """Encoders that add a loss of their own, as a quantiser does."""

    def encode_images(self, images: torch.Tensor) -> Encoded:
        encoded = super().encode_images(images)
        return replace(encoded, auxiliary_loss=3 * encoded.features.square().mean())


@pytest.fixture
def data(tiny, tmp_path) -> TrainingPairs:
    rng = np.random.default_rng(0)
    frames = [rng.random((40, tiny.captions.bands)).astype(np.float16) for _ in range(20)]
    write_features(tmp_path / "features", frames, FeatureConfig.taken_from(tiny.captions))
    images = rng.integers(0, 255, (20, 16, 16, 3), np.uint8)
    return TrainingPairs(
        Pairs(images, FeatureStore(tmp_path / "features")), range(16), range(16, 20)
    )


def test_an_encoder_s_own_loss_is_part_of_the_loss(tiny, data):
    settings, index = Settings(tiny.davenet, tiny.schedule.pretrain, "hard", 3), np.arange(8)

    def loss_of(kind: type[Encoders]):
        torch.manual_seed(0)
        trainer = Trainer(
            kind(EncoderConfig.of(tiny.davenet, data.pairs.speech.config)), data, settings
        )
        loss, _ = trainer.loss(1, index)
        seen = trainer.encoders.encode_images(trainer.load(index)[0].to(loss.device))
        return loss, seen

    (plain, _), (costly, seen) = loss_of(Encoders), loss_of(Costly)
    assert (costly - plain).item() == pytest.approx(seen.auxiliary_loss.item(), rel=1e-4)


def test_captions_of_one_sample_are_positives_of_its_picture():
    assert same_sample(np.array([4, 9, 4])).tolist() == [
        [True, False, True],
        [False, True, False],
        [True, False, True],
    ]
