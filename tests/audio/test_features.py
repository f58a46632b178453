"""Log-mel features against known answers."""

import numpy as np
import pytest

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import band_centres, filterbank, log_mel, with_silence
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
        ({"normalisation": "running"}, False),
    ],
)
def test_features_are_the_same_where_their_frames_are(config, change, same):
    assert config.same_frames(config.model_copy(update=change)) == same


@pytest.fixture
def running(config) -> FeatureConfig:
    return config.model_copy(update={"normalisation": "running"})


def test_against_full_scale_a_level_moves_every_frame_alike(running):
    sound = np.random.default_rng(0).normal(0, 0.2, SAMPLE_RATE).astype(np.float32)
    loud, soft = (log_mel(level * sound, running).astype(float) for level in (1.0, 0.25))
    assert running.range_db * (loud - soft) == pytest.approx(12.04, abs=0.1)


def test_a_sine_of_full_scale_is_1_and_silence_0(running):
    flat = running.model_copy(update={"pre_emphasis": 0.0, "bands": 20})
    hz = float(band_centres(flat)[8])
    sine = np.sin(2 * np.pi * hz * np.arange(SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    assert log_mel(sine, flat)[20].max() == pytest.approx(1, abs=0.02)
    assert not log_mel(np.zeros(8000, np.float32), running).any()
    assert not log_mel(np.full(8000, 1e-9, np.float32), running).any()


def test_against_full_scale_frames_do_not_wait_for_what_follows(running):
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.05, SAMPLE_RATE).astype(np.float32)
    longer = np.concatenate([sound, rng.normal(0.1, 0.9, SAMPLE_RATE).astype(np.float32)])
    window = round(running.window_ms / running.hop_ms / 2 + 0.5)
    whole = log_mel(sound, running)[:-window]
    assert np.array_equal(log_mel(longer, running)[: len(whole)], whole)
    relative = running.model_copy(update={"normalisation": "utterance"})
    assert not np.array_equal(log_mel(longer, relative)[5:20], log_mel(sound, relative)[5:20])


def test_centres_are_those_of_the_filters(config):
    filters = filterbank(config.bands, config.window_ms, config.low_hz)
    step = SAMPLE_RATE / 2 / (len(filters) - 1)
    assert np.allclose(filters.argmax(0) * step, band_centres(config), atol=step)
