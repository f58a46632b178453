"""Microphones: filters, levels and limits against the sound that they stand for."""

import numpy as np
import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import band_centres, mel_power
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.davenet.augmentation import channel
from wordbrush.davenet.augmentation.power import decibels


@pytest.fixture
def config(tiny) -> FeatureConfig:
    return FeatureConfig.taken_from(tiny.captions)


def test_curves_pass_through_their_knots():
    curve = channel.smooth_curve(torch.tensor([[0.0, 3.0, -1.0]]), 41)[0]
    assert curve[[0, 10, 20, 40]].tolist() == pytest.approx([0.0, 1.5, 3.0, -1.0])
    line = channel.tilt(torch.tensor([2.0, -1.0]), 5)
    assert line.tolist() == [[-2, -1, 0, 1, 2], [1, 0.5, 0, -0.5, -1]]


def test_a_telephone_passes_300_to_3400_hz(config):
    hz, curve = band_centres(config), channel.telephone(config)
    passed = (hz >= 300) & (hz <= 3400)
    assert not curve[passed].any() and (curve[~passed] < 0).all()
    assert (curve[hz > 6800] < -40).all() and curve.min() >= -60


def test_compression_evens_levels_out():
    levels = torch.tensor([[1.0, 0.1, 1e-6, 0.0]])
    half = levels * channel.compression(levels, torch.tensor([0.5]))
    assert decibels(half)[0, :3].tolist() == pytest.approx([0, -5, -45])  # 30 dB, and no more
    assert half[0, 3] == 0
    assert torch.equal(channel.compression(levels, torch.tensor([0.0])), torch.ones(1, 4))


@pytest.mark.parametrize("excess_db", [3.0, 6.0, 12.0])
def test_clipping_distorts_about_as_a_clipped_sine_is(config, excess_db):
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    sine = np.sin(2 * np.pi * 440 * time)
    limit = 10 ** (-excess_db / 20)
    flat = config.model_copy(update={"pre_emphasis": 0.0})
    true = mel_power(torch.from_numpy(np.clip(sine, -limit, limit)).float(), flat)[5:-5].mean(0)
    near = true[band_centres(config) < 2 * 440].sum()  # the first harmonic is at 3 * 440 Hz
    true_share = float((true.sum() - near) / near)

    kept, distortion = channel.clipping(torch.tensor([[1.0, 1e-3]]), torch.tensor([excess_db]))
    assert kept[0, 1] == 1 and distortion[0, 1] == 0  # what is soft is not touched
    assert (kept + distortion)[0, 0] == pytest.approx(limit**2)
    share = float(distortion[0, 0] / kept[0, 0])
    assert abs(10 * np.log10(share / true_share)) < 2


def test_a_recorder_with_room_enough_clips_nothing():
    kept, distortion = channel.clipping(torch.tensor([[1.0, 0.2]]), torch.tensor([0.0]))
    assert torch.equal(kept, torch.ones(1, 2)) and not distortion.any()
