"""Rooms and noise: powers are as drawn."""

import math

import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.augmentation.rooms import NoiseSource, noise_levels, reverberate

HOP_MS = 20.0


def test_a_tail_falls_by_60_decibels_in_its_time_and_has_its_power():
    power = torch.zeros(3, 100, 2)
    power[:, 10] = 1
    seconds, ratios = torch.tensor([0.2, 0.5, 0.5]), torch.tensor([10.0, 2.0, math.inf])
    heard = reverberate(power, seconds, ratios, 0.5, HOP_MS)
    assert torch.equal(heard[2], power[2])
    for row, frames in ((0, 10), (1, 25)):
        tail = heard[row, 11:, 0]
        assert not heard[row, :10].any() and heard[row, 10, 0] == 1
        assert tail.sum() == pytest.approx(1 / ratios[row].item(), rel=2e-2)
        assert 10 * math.log10(tail[0] / tail[frames]) == pytest.approx(60, abs=0.1)


@pytest.fixture
def noise(tiny) -> NoiseSource:
    return NoiseSource(FeatureConfig.taken_from(tiny.captions), 0, torch.device("cpu"))


def test_noise_has_the_drawn_ratio_whatever_its_colour(noise):
    torch.manual_seed(0)
    power, ratios = torch.rand(4, 800, 40), torch.tensor([1.0, 10.0, 1000.0, math.inf])
    power[:, 400:] = 0  # pauses do not make speech softer
    colours = 10 ** torch.randn(4, 40)
    levels = noise_levels(power, colours, ratios, noise.means)
    added = noise.frames(torch.tensor([0, 3, 700, 1400]), 800) * levels[:, None]
    found = power[:, :400].mean((1, 2)) / added.mean((1, 2))
    assert torch.allclose(found[:3].log10(), ratios[:3].log10(), atol=0.05)
    assert not added[3].any()
    assert torch.allclose(  # the colour is that of the noise itself
        (added[0].mean(0) / added[0].mean()).log10(),
        (colours[0] * noise.means / (colours[0] * noise.means).mean()).log10(),
        atol=0.15,
    )


def test_noise_fluctuates_and_does_not_end(noise):
    frames = noise.frames(torch.tensor([0, len(noise.power) - 1]), 2 * len(noise.power))
    assert torch.equal(frames[0, 0], frames[1, 1]) and torch.equal(frames[0, -1], frames[1, 0])
    deviation = (noise.power.std(0) / noise.means)[[0, -1]]
    assert deviation[0] > 0.7 and 0.1 < deviation[1] < 0.4  # wide bands hold many frequencies
