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
    loss of a training, such as a quantiser's commitment; a scalar. lower: of speech, what the head
    of context is to hear, [N, E, t], from a layer below the features; None without one. context:
    features of the same places by a second head, [N, C, h, w] or [N, C, t], that tell what stands
    around (context.py); None of encoders without one.
    """

    features: Tensor
    lengths: Tensor | None = None
    auxiliary_loss: Tensor | None = None
    lower: Tensor | None = None
    context: Tensor | None = None

    def __len__(self) -> int:
        return len(self.features)

    def __getitem__(self, rows: slice | Tensor) -> "Encoded":
        """Some of the N; the auxiliary loss belongs to all of them together, and is left out."""
        return replace(self.map(lambda tensor: tensor[rows]), auxiliary_loss=None)

    def map(self, change: Callable[[Tensor], Tensor]) -> "Encoded":
        """The same with every tensor of N rows changed."""
        lengths, lower, context = (
            None if one is None else change(one) for one in (self.lengths, self.lower, self.context)
        )
        found = change(self.features)
        return replace(self, features=found, lengths=lengths, lower=lower, context=context)

    def before(self, others: "Encoded") -> "Encoded":
        """These pictures, and then others by the same encoder."""
        features = torch.cat([self.features, others.features])
        if self.context is None or others.context is None:
            return Encoded(features)
        return Encoded(features, context=torch.cat([self.context, others.context]))

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


def compared(images: Encoded, speech: Encoded) -> tuple[Tensor, Tensor]:
    """The features of pictures and of speech whose dot products are scored.

    Where both have a context, it stands behind their features: a matchmap is then the sum of the
    matchmaps of both heads.
    """
    if images.context is None or speech.context is None:
        return images.features, speech.features
    seen = torch.cat([images.features, images.context], 1)
    return seen, torch.cat([speech.features, speech.context], 1)


def valid_frames(lengths: Tensor, width: int) -> Tensor:
    """bool [N, width]: the frames before each length."""
    return torch.arange(width, device=lengths.device) < lengths[:, None]
