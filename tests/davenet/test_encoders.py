"""The encoders: padding never counts, and the shapes are the paper's."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel
from wordbrush.davenet.audio import AudioEncoder, make_audio_encoder
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.params import AudioStages, ImageStages, Params, Quantiser
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
    encoder = make_audio_encoder(config(demo)).eval()
    lengths = torch.tensor([21, 1, 40, 8, 9, 16, 33])
    features = torch.randn(len(lengths), 40, 50)
    together = encoder(features, lengths)
    shorter = together.lengths.tolist()
    assert together.features.shape == (7, 128, 7) and shorter == [3, 1, 5, 1, 2, 2, 5]
    for n, length in enumerate(lengths):
        alone = encoder(features[n : n + 1, :, :length], lengths[n : n + 1]).features[0]
        assert torch.allclose(together.features[n, :, : shorter[n]], alone, atol=1e-5)


def test_reach_by_hand(tiny):
    # tiny: width 1; width 5 and a pool; width 3 and a pool: 2 + 1, then 2·1 + 2·1
    encoder = make_audio_encoder(config(tiny))
    assert (encoder.stride, encoder.reach) == (4, 7)


def test_padding_changes_nothing(tiny, either_way):
    torch.manual_seed(0)
    encoder = make_audio_encoder(config(tiny)).eval()
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


RESIDUAL = {
    "audio_network": "resdavenet",
    "audio_stages": AudioStages(channels=[12, 16], blocks=2, width=5),
    "quantisers": [Quantiser(layer=layer, codes=9, from_step=0) for layer in (1, 3)],
}


def residual(params: Params) -> EncoderConfig:
    davenet = params.davenet.model_copy(update=RESIDUAL)
    return config(params.model_copy(update={"davenet": davenet}))


def taught(encoder: AudioEncoder) -> AudioEncoder:
    """With codebooks that have heard something."""
    encoder.train()(torch.randn(4, 40, 60), torch.tensor([60, 30, 7, 44]))
    return encoder.eval()


@pytest.mark.parametrize("width", [5, 1])
def test_residual_layers_hear_each_utterance_as_if_alone(tiny, either_way, width):
    torch.manual_seed(0)
    kind = residual(tiny)
    stages = kind.audio_stages.model_copy(update={"width": width})
    encoder = taught(make_audio_encoder(kind.model_copy(update={"audio_stages": stages})))
    lengths = torch.tensor([21, 1, 40, 8, 9, 16, 33])
    features = torch.randn(len(lengths), 40, 50)
    together = encoder(features, lengths)
    shorter = together.lengths.tolist()
    assert shorter == [6, 1, 10, 2, 3, 4, 9]
    layers = list(encoder.hear(features, lengths))
    assert [(one.number, one.stride) for one in layers] == [(1, 1), (2, 2), (3, 4)]
    assert [one.codes is None for one in layers] == [False, True, False]
    assert torch.equal(layers[2].quantised.transpose(1, 2), together.features)
    for n, length in enumerate(lengths):
        alone = encoder(features[n : n + 1, :, :length], lengths[n : n + 1]).features[0]
        assert torch.allclose(together.features[n, :, : shorter[n]], alone, atol=1e-5)
        (last,) = [one for one in encoder.hear(features[n : n + 1], lengths[n : n + 1])][2:]
        assert torch.equal(last.codes[0, : shorter[n]], layers[2].codes[n, : shorter[n]])


def test_no_frame_beyond_its_reach_changes_an_output(tiny, either_way):
    torch.manual_seed(0)
    for kind in (config(tiny), residual(tiny).model_copy(update={"quantisers": []})):
        encoder = make_audio_encoder(kind).eval()
        frames = 8 * encoder.reach
        features, lengths = torch.randn(1, 40, frames), torch.tensor([frames])
        middle = frames // 2 // encoder.stride
        changed = features.clone()
        changed[:, :, middle * encoder.stride + encoder.reach + 1 :] = 0
        changed[:, :, : middle * encoder.stride - encoder.reach] = 0
        before, after = (encoder(one, lengths).features[0] for one in (features, changed))
        assert torch.allclose(before[:, middle], after[:, middle], atol=1e-5)
        changed[:, :, middle * encoder.stride - encoder.reach :] = 0
        assert not torch.allclose(
            before[:, middle], encoder(changed, lengths).features[0, :, middle]
        )


def test_published_residual_networks_have_their_shapes(demo):
    """ResNet-50 has 23.5 million weights without its last layer; frames last 160 ms at the end."""
    update = {
        "image_network": "resnet",
        "image_stages": ImageStages(stem=4, channels=[64, 128, 256, 512], blocks=[3, 4, 6, 3]),
        "image_size": 224,
        "audio_network": "resdavenet",
        "audio_stages": AudioStages(channels=[128, 256, 256, 512], blocks=2, width=9),
        "audio_norm": "none",
        "embedding": 1024,
    }
    davenet = demo.davenet.model_copy(update=update)
    published = config(demo.model_copy(update={"davenet": davenet}))
    with torch.device("meta"):
        encoders = Encoders(published).eval()
        seen = encoders.encode_images(torch.zeros(1, 3, 224, 224)).features
    assert seen.shape == (1, 1024, 7, 7)
    own = [one for name, one in encoders.image.named_parameters() if "layers.20." not in name]
    assert sum(weight.numel() for weight in own) == 23_508_032
    audio = encoders.audio
    assert audio.strides == [1, 2, 4, 8, 16]
    # receptive fields in frames of 10 ms: 0.57 s of VQ2's layer, 8.4 s at the end
    shorter = published.model_copy(
        update={"audio_stages": AudioStages(channels=[8], blocks=2, width=9)}
    )
    with torch.device("meta"):
        assert 1 + 2 * make_audio_encoder(shorter).reach == 57
    assert 1 + 2 * audio.reach == 841
