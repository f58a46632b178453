"""Rooms: what walls send back, and the noise that was there already."""

import math

import torch
from torch import Tensor

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import mel_power
from wordbrush.audio.sound import SAMPLE_RATE

NOISE_SECONDS = 30


def reverberate(
    power: Tensor, seconds: Tensor, ratios: Tensor, longest: float, hop_ms: float
) -> Tensor:
    """Power [N, T, bands] with an exponential tail behind each frame (Polack's model of a room).

    seconds: reverberation times [N], in which the tail falls by 60 dB; it ends after `longest`, or
    soon after, whatever the rest of the batch. ratios: of the power of direct sound to that of its
    whole tail [N]; with infinite ones there is none.
    """
    fall = torch.exp(-6 * math.log(10) * hop_ms / 1000 / seconds)[:, None, None]  # of one frame
    share = (1 - fall) / ratios[:, None, None]  # of the tail's first frame
    tail, step = power, 1
    while step * hop_ms < 1000 * longest:  # after each, the tail is twice as long
        longer = tail.clone()
        longer[:, step:].addcmul_(tail[:, :-step], fall**step)
        tail, step = longer, 2 * step
    heard = power.clone()
    heard[:, 1:].addcmul_(tail[:, :-1], share)
    return heard


class NoiseSource:
    """The frames of white noise that was really heard, so that it fluctuates as noise does.

    power: [L, bands], with a mean of 1.
    """

    def __init__(self, config: FeatureConfig, seed: int, device: torch.device):
        rng = torch.Generator().manual_seed(seed)
        power = mel_power(torch.randn(NOISE_SECONDS * SAMPLE_RATE, generator=rng), config)
        self.power = (power / power.mean()).to(device)
        self.means = self.power.mean(0)

    def frames(self, starts: Tensor, count: int) -> Tensor:
        """So many frames from these on [N], as if it had no end: [N, count, bands]."""
        numbers = starts[:, None] + torch.arange(count, device=starts.device)
        taken = self.power.index_select(0, (numbers % len(self.power)).flatten())
        return taken.view(len(starts), count, -1)


def noise_levels(power: Tensor, colours: Tensor, ratios: Tensor, means: Tensor) -> Tensor:
    """What multiplies each band of noise: [N, bands].

    power: of speech [N, T, bands]; its mean over the frames that are not silent is the signal.
    colours: the shape of the spectrum [N, bands]. ratios: of signal to noise [N], in power. means:
    those of the bands of the noise [bands].
    """
    frames = power.sum(2)
    signal = frames.sum(1) / ((frames > 0).sum(1).clamp(min=1) * power.shape[2])
    return (signal / ratios / (colours * means).mean(1))[:, None] * colours
