"""What every editor of drawings has: the generator, and the latents that it drew them from."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from wordbrush.davenet.negatives import Batch
from wordbrush.gan.networks import Generator
from wordbrush.params import Edits
from wordbrush.training.compute import to_device


@dataclass(frozen=True)
class DrawnEditor:
    """latents: of all pictures, float32 [N, Z]. Generator and random numbers are on one device."""

    generator: Generator
    latents: np.ndarray
    edits: Edits
    rng: torch.Generator

    def origins(self, index: np.ndarray) -> Tensor:
        """Latents [B, Z]."""
        return to_device(torch.from_numpy(self.latents[index]), self.rng.device)

    def h4(self, batch: Batch) -> Tensor:
        """The layer that is edited, of the batch's pictures: [B, C, h, w]."""
        latents = self.origins(batch.index) if batch.origins is None else batch.origins
        return self.generator.encode(latents, self.edits.resolution)
