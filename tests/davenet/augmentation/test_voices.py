"""Speakers: ridges of constructed spectra lie where another vocal tract would put them."""

import pytest
import torch

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import band_centres
from wordbrush.davenet.augmentation.voices import harmonics, smoothing_matrix, warp_matrix


@pytest.fixture
def config(tiny) -> FeatureConfig:
    return FeatureConfig.taken_from(tiny.captions)


def nearest(config: FeatureConfig, hz: float) -> int:
    return int((band_centres(config) - hz).abs().argmin())


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.2])
def test_a_formant_moves_by_the_factor(config, factor):
    spectrum = torch.zeros(config.bands)
    formant = nearest(config, 1500)
    spectrum[formant] = 1
    warped = warp_matrix(torch.tensor([factor]), config)[0] @ spectrum
    wanted = nearest(config, factor * float(band_centres(config)[formant]))
    assert abs(int(warped.argmax()) - wanted) <= 1 and wanted != formant


def test_a_warp_keeps_the_ends_and_what_is_flat(config):
    matrices = warp_matrix(torch.tensor([0.8, 1.0, 1.25]), config)
    assert torch.allclose(matrices[1], torch.eye(config.bands), atol=1e-4)
    assert torch.allclose(matrices.sum(2), torch.ones(3, config.bands), atol=1e-5)
    assert (matrices[:, -1, -1] > 0.4).all()  # the highest frequency stays


def test_formants_become_blunter_or_sharper(config):
    peak = torch.full((config.bands,), 0.5)
    peak[20] = 0.8
    blunter, same, sharper = smoothing_matrix(torch.tensor([1.0, 0.0, -1.0]), config.bands) @ peak
    assert torch.equal(same, peak)
    assert torch.allclose(blunter[19:22], torch.tensor(0.6))
    assert sharper[20] > 0.9 and sharper[19] < 0.5
    assert torch.allclose(blunter[:18], peak[:18]) and torch.allclose(sharper[23:], peak[23:])


def test_a_ripple_has_the_period_of_its_pitch_and_fades(config):
    ripple = harmonics(torch.tensor([400.0]), torch.tensor([0.0]), config)[0]
    hz = band_centres(config)
    peaks = [
        float(hz[band])
        for band in range(1, 12)
        if ripple[band] > max(ripple[band - 1], ripple[band + 1])
    ]
    assert len(peaks) >= 2
    assert all(abs(peak / 400 - round(peak / 400)) < 0.15 for peak in peaks)
    assert ripple.abs().max() <= 1
    finer = harmonics(torch.tensor([200.0]), torch.tensor([0.0]), config)[0]
    assert finer[hz < 1000].abs().max() > 0.7 and not finer[hz > 4000].any()
