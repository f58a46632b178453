"""Another speaker: how long the vocal tract is, how sharp formants are, where harmonics lie.

Each is a matrix or a curve over the mel bands for every utterance.
"""

import math

import torch
from torch import Tensor

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import band_centres, hz_to_mel
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.training.compute import to_device

HIGHEST_FORMANT = 4800.0  # Hz, VTLP's F_hi: formants that matter lie below
PITCHES = 100.0, 400.0  # Hz: of men to children; lower ones are finer than bands


def warp_matrix(factors: Tensor, config: FeatureConfig) -> Tensor:
    """Vocal tract length perturbation (VTLP, Jaitly & Hinton 2013): [N] -> [N, bands, bands].

    The matrix of an utterance moves what lies at a frequency f to `factor` · f. As in VTLP, above
    HIGHEST_FORMANT the rest is stretched or squeezed such that the highest frequency stays.
    """
    hz = to_device(band_centres(config), factors.device)
    highest = SAMPLE_RATE / 2
    factors = factors[:, None]
    edge = HIGHEST_FORMANT * factors.clamp(max=1)  # in what comes out
    slope = (highest - edge / factors) / (highest - edge)
    source = torch.where(hz <= edge, hz / factors, highest - slope * (highest - hz))
    low, high = (hz_to_mel(hz[number]) for number in (0, -1))
    bands = config.bands
    position = ((hz_to_mel(source) - low) / (high - low) * (bands - 1)).clamp(0, bands - 1)
    distance = (position[:, :, None] - torch.arange(bands, device=hz.device)).abs()
    return (1 - distance).clamp(min=0)  # linear interpolation between neighbours


def smoothing_matrix(amounts: Tensor, bands: int) -> Tensor:
    """Formants blunter, where amounts [N] are above 0, or sharper: [N, bands, bands].

    1 averages each band with its two neighbours, -1 adds as much as that takes away.
    """
    number = torch.arange(bands, device=amounts.device)
    near = ((number[:, None] - number).abs() <= 1).float()
    average = near / near.sum(1, keepdim=True)
    same = torch.eye(bands, device=amounts.device)
    return same + amounts[:, None, None] * (average - same)


def harmonics(pitches: Tensor, phases: Tensor, config: FeatureConfig) -> Tensor:
    """A ripple in -1..1 with the period of a pitch [N] in Hz, from a phase [N]: [N, bands].

    It fades from bands that are half a period wide to those of a whole one, which hear no harmonic.
    """
    hz = to_device(band_centres(config), pitches.device)
    widths = torch.gradient(hz)[0]
    periods = pitches[:, None]
    resolved = (2 - 2 * widths / periods).clamp(0, 1)
    return resolved * torch.cos(2 * math.pi * hz / periods + phases[:, None])
