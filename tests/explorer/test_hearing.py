"""Hearing bit by bit gives what the whole utterance gives."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from wordbrush.audio.features import log_mel
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.davenet.config import AudioStages, ContextConfig, RunningWindow
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.explorer.hearing import WINDOW_SECONDS, Heard, Hearing, hearing_of
from wordbrush.model import Model, load_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def small() -> Model:
    return load_model(ROOT / "models/small")


def sound(seconds: float) -> np.ndarray:
    """Noise whose level changes as that of words does."""
    rng = np.random.default_rng(3)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    level = 0.1 * np.clip(np.sin(2 * np.pi * 1.7 * time) + 0.3, 0.001, None)
    return (level * rng.normal(size=len(time))).astype(np.float32)


def heard_in_pieces(hearing: Hearing, whole: np.ndarray, sizes: list[int]) -> Heard:
    """What is left when later features have replaced earlier ones."""
    cuts = np.minimum(np.cumsum([0, *np.resize(sizes, len(whole) // min(sizes) + 1)]), len(whole))
    heard = [hearing.push(whole[a:b]) for a, b in pairwise(cuts) if b > a] + [hearing.finish()]
    kept = heard[0]
    for one in heard[1:]:
        assert one.first <= kept.stop, "frames were left out"
        kept = kept.replaced_by(one)
    return kept


def encode_whole(encoders: Encoders, features, whole: np.ndarray) -> Encoded:
    frames = torch.from_numpy(log_mel(whole, features)).float()
    with torch.no_grad():
        return encoders.audio(frames.T[None], torch.tensor([len(frames)]))


def heads(layer: int) -> dict[str, ContextConfig]:
    widths = {"least_frames": 1, "embedding": 4, "channels": 4, "audio_blocks": 1, "audio_width": 3}
    return {"context": ContextConfig(audio_layer=layer, image_blocks=1, **widths)}


RESIDUAL = {
    "audio_network": "resdavenet",
    "audio_stages": AudioStages(channels=[8, 12], blocks=1, width=5),
}


@pytest.mark.parametrize(
    ("network", "sizes"),
    [
        *(({}, sizes) for sizes in ([800], [1600], [37, 5000, 1, 320])),
        *((network, [1600]) for network in (RESIDUAL, heads(2), RESIDUAL | heads(2))),
    ],
)
def test_a_running_window_streams_to_rounding(small, network, sizes):
    """Also what heads of context hear, from a layer of shorter frames than the last."""
    features = small.config.features.model_copy(update={"normalisation": "running"})
    window = RunningWindow(past_seconds=1.5, future_seconds=0.5)
    torch.manual_seed(1)
    changes = {"features": features, "running_norm": window, "context": None, **network}
    config = small.encoders.config.model_copy(update=changes)
    encoders = Encoders(config).eval()
    whole = sound(6.3)
    found = heard_in_pieces(hearing_of(encoders, features), whole, sizes).encoded
    expected = encode_whole(encoders, features, whole)
    assert torch.allclose(found.features, expected.features, atol=1e-4)
    assert (found.lower is None) == (expected.lower is None) == ("context" not in network)
    if found.lower is not None and expected.lower is not None:
        assert torch.allclose(found.lower, expected.lower, atol=1e-4)


@pytest.fixture(scope="module")
def by_utterance(small) -> Encoders:
    """Encoders that hear levels relative to the loudest moment."""
    features = small.config.features.model_copy(
        update={"normalisation": "utterance", "range_db": 80.0}
    )
    torch.manual_seed(1)
    changes = {"features": features, "running_norm": None}
    return Encoders(small.encoders.config.model_copy(update=changes)).eval()


def test_the_last_seconds_are_heard_as_an_utterance(by_utterance):
    features, whole = by_utterance.config.features, sound(5.0)
    hearing = hearing_of(by_utterance, features)
    for start in range(0, len(whole), 800):
        heard = hearing.push(whole[start : start + 800])
    step = by_utterance.audio.stride * 320
    window = hearing.sound  # begins at a frame, and ends where the sound does
    begin = (len(whole) - len(window)) // step
    assert np.array_equal(window, whole[begin * step :])
    alone = encode_whole(by_utterance, features, window).features[0]
    spoiled = heard.first - begin
    assert 0 < spoiled < 4 and heard.stop == begin + alone.shape[1]
    assert heard.stop - heard.first >= WINDOW_SECONDS * SAMPLE_RATE / step
    assert torch.allclose(heard.features, alone[:, spoiled:], atol=1e-4)


def test_no_frame_is_missed_where_a_slow_machine_hears_much_at_once(by_utterance):
    features, whole = by_utterance.config.features, sound(9.1)
    found = heard_in_pieces(hearing_of(by_utterance, features), whole, [16000, 100, 36000])
    expected = encode_whole(by_utterance, features, whole)
    assert found.stop == expected.features.shape[2]


def test_an_utterance_that_fits_the_window_is_heard_as_a_whole(by_utterance):
    features, whole = by_utterance.config.features, sound(2.0)
    found = heard_in_pieces(hearing_of(by_utterance, features), whole, [1600])
    expected = encode_whole(by_utterance, features, whole)
    assert torch.allclose(found.features, expected.features[0], atol=1e-4)
