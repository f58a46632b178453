"""The encoders: padding never counts, and the shapes are the paper's."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import AudioEncoder, Encoders
from wordbrush.params import Params
from wordbrush.training.compute import running_ahead


@pytest.fixture(params=[nullcontext, running_ahead])
def either_way(request):
    """Packed frames, as CPUs compute them, and padded ones, as GPUs do."""
    with request.param():
        yield


def config(params: Params) -> EncoderConfig:
    return EncoderConfig.of(params.davenet, FeatureConfig.taken_from(params.captions))


def test_a_batch_is_what_each_utterance_is_alone(demo, either_way):
    """Packed into one row or padded, no utterance affects the next, whatever their lengths."""
    torch.manual_seed(0)
    encoder = AudioEncoder(config(demo)).eval()
    lengths = torch.tensor([21, 1, 40, 8, 9, 16, 33])
    features = torch.randn(len(lengths), 40, 50)
    together = encoder(features, lengths)
    shorter = together.lengths.tolist()
    assert together.features.shape == (7, 128, 7) and shorter == [3, 1, 5, 1, 2, 2, 5]
    for n, length in enumerate(lengths):
        alone = encoder(features[n : n + 1, :, :length], lengths[n : n + 1]).features[0]
        assert torch.allclose(together.features[n, :, : shorter[n]], alone, atol=1e-5)


def test_padding_changes_nothing(tiny, either_way):
    torch.manual_seed(0)
    encoder = AudioEncoder(config(tiny)).eval()
    features = torch.rand(2, 40, 21)
    lengths = torch.tensor([21, 21])
    padded = torch.cat([features, torch.zeros(2, 40, 30)], 2)
    plain, longer = encoder(features, lengths), encoder(padded, lengths)
    (frames,) = set(plain.lengths.tolist())
    assert longer.lengths.tolist() == plain.lengths.tolist()
    assert torch.allclose(plain.features, longer.features[:, :, :frames], atol=1e-6)
    assert (longer.features[:, :, frames:] == 0).all()


def test_with_running_features_the_level_of_a_sound_does_not_matter(tiny):
    """From sound to what is heard of it, normalised once, by the encoder."""
    rng = np.random.default_rng(0)
    envelope = np.repeat(rng.uniform(0.02, 0.5, 20), 800)  # of syllables
    sound = (envelope * rng.standard_normal(16000)).astype(np.float32)
    wide = {"normalisation": "running", "range_db": 120.0}  # no part of it falls below
    captions = tiny.captions.model_copy(update=wide)
    running = config(tiny.model_copy(update={"captions": captions}))
    torch.manual_seed(0)
    encoders = Encoders(running).eval()

    def hear(sound: np.ndarray) -> torch.Tensor:
        frames = torch.from_numpy(log_mel(sound, running.features)).float()
        return encoders.encode_audio(frames.T[None], torch.tensor([len(frames)])).features

    heard, softer = hear(sound), hear(0.2 * sound)
    assert (heard - softer).abs().max() < 0.05 * heard.std()
    assert set(encoders.state_dict()) == set(Encoders(config(tiny)).state_dict())


def test_paper_networks_have_the_paper_s_shapes(tiny):
    from pathlib import Path

    from wordbrush import params as parameters
    from wordbrush.storage.yaml import merge, read_yaml

    base = read_yaml(Path("params.yaml"))
    paper = parameters.parse(merge(base, read_yaml(Path("presets/paper.yaml"))), "paper")
    encoders = Encoders(config(paper).model_copy(update={"extra_audio_layers": 3})).eval()
    convolutions = [layer for layer in encoders.image.layers if isinstance(layer, torch.nn.Conv2d)]
    assert (
        len(convolutions) == 14
        and [conv.kernel_size[1] for conv in encoders.audio.convs] == [1, 11, 17, 17, 17] + [17] * 3
    )
    with torch.no_grad():
        seen = encoders.encode_images(torch.zeros(1, 3, 128, 128))
        heard = encoders.encode_audio(torch.zeros(1, 40, 160), torch.tensor([160]))
    assert seen.features.shape == (1, 512, 14, 14)
    assert heard.features.shape == (1, 512, 10) and heard.lengths.tolist() == [10]
