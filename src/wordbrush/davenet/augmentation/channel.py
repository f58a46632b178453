"""What microphones, telephones and recorders make of a sound: filters, levels, limits."""

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import band_centres
from wordbrush.davenet.augmentation.power import decibels, gain

TELEPHONE = 300.0, 3400.0  # Hz: ITU-T G.712
TELEPHONE_SLOPE, TELEPHONE_FLOOR = 48.0, 60.0  # decibels an octave beyond the band, and in all
COMPRESSED_DB = 30.0  # what lies further below the loudest frame is raised no more


def smooth_curve(knots: Tensor, bands: int) -> Tensor:
    """Values [N, K] at equal distances over the bands, with straight lines between: [N, bands]."""
    return F.interpolate(knots[:, None], size=bands, mode="linear", align_corners=True)[:, 0]


def tilt(amounts: Tensor, bands: int) -> Tensor:
    """Lines from -amount in the lowest band to amount [N] in the highest: [N, bands]."""
    return amounts[:, None] * torch.linspace(-1, 1, bands, device=amounts.device)


def telephone(config: FeatureConfig) -> Tensor:
    """Decibels of a telephone's filter, 0 within its band and below 0 outside: [bands]."""
    octaves = torch.log2(band_centres(config))
    low, high = torch.tensor(TELEPHONE).log2()
    beyond = (low - octaves).clamp(min=0) + (octaves - high).clamp(min=0)
    return -(TELEPHONE_SLOPE * beyond).clamp(max=TELEPHONE_FLOOR)


def compression(levels: Tensor, amounts: Tensor) -> Tensor:
    """Factors [N, T] of frames with these powers, which bring them nearer to the loudest.

    amounts: the share [N] of the difference in decibels that is evened out.
    """
    below = decibels(levels.amax(1, keepdim=True)) - decibels(levels)
    return gain(amounts[:, None] * below.clamp(max=COMPRESSED_DB))


def clipping(levels: Tensor, excess_db: Tensor) -> tuple[Tensor, Tensor]:
    """A recorder whose limit the loudest of frames with these powers [N, T] exceeds, in decibels.

    Frames above the limit keep its power, of which a part is distortion: about that of a clipped
    sine. Returns the factors of their sound and the power of their distortion, both [N, T].
    """
    limit = levels.amax(1, keepdim=True) * gain(-excess_db)[:, None]
    kept = torch.where(levels > limit, limit / levels, 1.0)
    distorted = (1 - kept.sqrt()).square() / 4
    return kept * (1 - distorted), distorted * limit
