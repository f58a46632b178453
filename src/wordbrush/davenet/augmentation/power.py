"""Between features, which are decibels scaled to 0..1, and power, in which sounds add up.

Power is in units of the level at which features are 0, and counted from there. So silence is 0 in
both, what is filtered stays silent where it was, and noise that is added to silence is noise.
"""

import math

import torch
from torch import Tensor


def to_power(features: Tensor, range_db: float) -> Tensor:
    """Features from 0 on -> power from 0 on, of the same shape."""
    return torch.expm1(features * (range_db * math.log(10) / 10))


def to_features(power: Tensor, range_db: float) -> Tensor:
    """The reverse of `to_power`."""
    return torch.log1p(power) / (range_db * math.log(10) / 10)


def gain(decibels: Tensor) -> Tensor:
    """What multiplies power by so many decibels."""
    return torch.exp(decibels * (math.log(10) / 10))


def decibels(power: Tensor) -> Tensor:
    """The reverse of `gain`; of no power, very few."""
    return 10 * torch.log10(power.clamp(min=torch.finfo(power.dtype).tiny))
