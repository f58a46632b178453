"""What a trained network makes of many cases."""

from collections.abc import Mapping

import numpy as np
import torch

from wordbrush.senses.cases import Cases
from wordbrush.senses.config import SENSES, Sense
from wordbrush.senses.networks import Senses
from wordbrush.training.compute import device_of

Units = Mapping[Sense, np.ndarray]
"""The units of N cases in each sense: float32 [N, D]."""


@torch.no_grad()
def units_of(network: Senses, cases: Cases, numbers: np.ndarray, batch: int = 64) -> Units:
    """The shared units of these cases in each sense."""
    where = device_of(network)

    def encode(sense: Sense) -> np.ndarray:
        parts = [
            network(sense, *(one.to(where) for one in cases.take(sense, some)))[0].cpu().numpy()
            for some in np.split(numbers, range(batch, len(numbers), batch))
        ]
        return np.concatenate(parts)

    return {sense: encode(sense) for sense in SENSES}
