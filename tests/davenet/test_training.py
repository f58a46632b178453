"""What a training step minimises beside the objective, and which utterances belong together."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.training import Settings, Trainer


class Costly(Encoders):
    """Encoders that add a loss of their own, as a quantiser does."""

    def encode_images(self, images: torch.Tensor) -> Encoded:
        encoded = super().encode_images(images)
        return replace(encoded, auxiliary_loss=3 * encoded.features.square().mean())


@pytest.fixture
def pairs(tiny, tmp_path) -> Pairs:
    rng = np.random.default_rng(0)
    frames = [rng.random((40, tiny.captions.bands)).astype(np.float16) for _ in range(20)]
    write_features(tmp_path / "features", frames, FeatureConfig.taken_from(tiny.captions))
    images = rng.integers(0, 255, (20, 16, 16, 3), np.uint8)
    manifest = Manifest.one_to_one("noise", "en", train=16, validation=4)
    return Pairs(images, FeatureStore(tmp_path / "features"), manifest)


def test_an_encoder_s_own_loss_is_part_of_the_loss(tiny, pairs):
    settings = Settings(tiny.davenet, tiny.schedule.pretrain, "hard", 3)

    def loss_of(kind: type[Encoders]):
        torch.manual_seed(0)
        trainer = Trainer(
            kind(EncoderConfig.of(tiny.davenet, pairs.speech.config)), pairs, settings
        )
        batch = next(trainer.batches)
        loss, _ = trainer.loss(1, batch)
        seen = trainer.encoders.encode_images(batch.images.to(loss.device))
        return loss, seen

    (plain, _), (costly, seen) = loss_of(Encoders), loss_of(Costly)
    assert (costly - plain).item() == pytest.approx(seen.auxiliary_loss.item(), rel=1e-4)
