"""What an encoder makes of a batch, and the frames that count in it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Encoded:
    """The features of N pictures or utterances, as either encoder returns them.

    features: [N, D, h, w], a vector for every cell of a picture, or [N, D, t], one for every frame
    of speech. lengths: the frames of each utterance [N], int64; behind them features are 0. None
    for pictures, of which every cell counts. auxiliary_loss: what the encoder itself adds to the
    loss of a training, such as a quantiser's commitment; a scalar.
    """

    features: Tensor
    lengths: Tensor | None = None
    auxiliary_loss: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice | Tensor) -> "Encoded":
        """Some of the N; the auxiliary loss belongs to all of them together, and is left out."""
        return replace(self.map(lambda tensor: tensor[rows]), auxiliary_loss=None)

    def map(self, change: Callable[[Tensor], Tensor]) -> "Encoded":
        """The same with every tensor of N rows changed."""
        lengths = None if self.lengths is None else change(self.lengths)
        return replace(self, features=change(self.features), lengths=lengths)

    def to(self, device: torch.device | str) -> "Encoded":
        return self.map(lambda tensor: tensor.to(device))

    @property
    def frame_counts(self) -> Tensor:
        """Of speech: `lengths` [N]. Raises TypeError for pictures, which have none."""
        if self.lengths is None:
            raise TypeError("these are features of pictures: they have cells, and no frames")
        return self.lengths

    @property
    def valid(self) -> Tensor:
        """Of speech: bool [N, t], the frames that are not padding."""
        return valid_frames(self.frame_counts, self.features.shape[2])


def valid_frames(lengths: Tensor, width: int) -> Tensor:
    """bool [N, width]: the frames before each length."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]
