"""Log-mel features against known answers."""

import numpy as np
import pytest

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.sound import SAMPLE_RATE


@pytest.fixture
def config(tiny) -> FeatureConfig:
    return FeatureConfig.taken_from(tiny.captions)


def test_silence_is_zero_and_a_tone_is_loudest_in_its_band(config):
    frames = 1 + 8000 // round(16 * config.hop_ms)
    for level in (0, 0.3, 1e-9):
        silence = log_mel(np.full(8000, level, np.float32), config)
        assert silence.shape == (frames, config.bands) and not silence.any()
    assert not log_mel(np.zeros(0, np.float32), config).any()
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    quiet_then_tone = np.where(time < 0.5, 0, np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    features = log_mel(quiet_then_tone - quiet_then_tone.mean(), config).astype(float)
    assert (features[:15] < 0.2).all() and features.max() == 1
    mel = 2595 * np.log10(1 + 1000 / 700)
    low, high = (2595 * np.log10(1 + hz / 700) for hz in (config.low_hz, SAMPLE_RATE / 2))
    wanted = (mel - low) / (high - low) * (config.bands + 1) - 1
    assert abs(int(features[40].argmax()) - wanted) <= 1


def test_silence_is_added_on_both_sides(config):
    sound = np.ones(100, np.float32)
    longer = with_silence(sound, config.model_copy(update={"silence_ms": 50.0}))
    assert longer.dtype == np.float32 and len(longer) == 100 + 2 * 800
    assert (longer[:800] == 0).all() and (longer[-800:] == 0).all()
    assert np.array_equal(longer[800:-800], sound)


def test_what_is_longer_than_the_most_frames_is_cut(config):
    sound = np.random.default_rng(0).random(SAMPLE_RATE, np.float32)
    whole = log_mel(sound, config)
    short = log_mel(sound, config.model_copy(update={"max_frames": 7}))
    assert len(whole) > 7 and np.array_equal(short, whole[:7])


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"silence_ms": 0.0}, True),
        ({"max_frames": 9}, True),
        ({"hop_ms": 7.0}, False),
        ({"bands": 9}, False),
        ({"range_db": 60.0}, False),
    ],
)
def test_features_are_the_same_where_their_frames_are(config, change, same):
    assert config.same_frames(config.model_copy(update=change)) == same
