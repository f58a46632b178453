"""Several heads that compete for every frame (Hamilton et al., DenseAV, CVPR 2024).

The channels of both branches are divided among the heads. A frame fits a picture as well as its
best head's best cell does, so that heads may share the work: one hears words, say, and one other
sounds. As in DenseAV, heads that answer together may be punished.
"""

from dataclasses import replace
from functools import reduce

import torch
from torch import Tensor

from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.kernels import slices
from wordbrush.davenet.matchmap import matchmap

PICTURES = 32  # whose matchmaps are held at a time


class HeadedEncoders(Encoders):
    """Encoders whose features are those of so many heads, scored by MISA.

    apart: the weight of `answered_together` in the loss of a training; DenseAV's is 0.05.
    Raises ValueError where channels cannot be divided among the heads, or scores are others.
    """

    def __init__(self, config: EncoderConfig, heads: int, apart: float = 0.0):
        if config.embedding % heads:
            raise ValueError(f"{config.embedding} channels cannot be divided among {heads} heads")
        if config.similarity != "MISA" or config.context is not None:
            raise ValueError("heads compete in MISA, and without heads of context")
        super().__init__(config)
        self.heads, self.apart = heads, apart

    def encode_images(self, images: Tensor) -> Encoded:
        """Pictures [N, 3, H, W] in [-1, 1] -> features [N, D, K·h, w], as `by_head` has them."""
        return by_head(super().encode_images(images), self.heads)

    def paired_loss(self, seen: Encoded, heard: Encoded) -> Tensor | None:
        """The penalty of heads that answer together, if it has a weight."""
        if not self.apart or self.heads == 1:
            return None
        return self.apart * answered_together(seen, heard, self.heads)


def by_head(seen: Encoded, heads: int) -> Encoded:
    """The features of pictures [N, D, h, w] as the cells of K heads [N, D, K·h, w], those of the
    first head first.

    Each cell keeps the channels of its head, and has 0 in the others. So a dot product with a frame
    is that of one head, and the best cell is that of the best head.
    """
    parts = seen.features.unflatten(1, (heads, -1))  # [N, K, D/K, h, w]
    own = torch.eye(heads, dtype=parts.dtype, device=parts.device)[:, None, :, None, None]
    return replace(seen, features=(parts[:, :, :, None] * own).flatten(3, 4).flatten(1, 2))


def answered_together(seen: Encoded, heard: Encoded, heads: int) -> Tensor:
    """How far heads answer at the same cell and frame: the mean over all of these, of N pictures
    and their utterances, of the product of what the heads answer, whatever its sign (DenseAV's
    disentanglement loss). seen: as `by_head` has them."""
    answers = matchmap(seen.features, heard.features).unflatten(1, (heads, -1))  # [N, K, h, w, t]
    of_frames = reduce(torch.mul, answers.unbind(1)).abs().mean((1, 2))
    return (heard.valid * of_frames).sum() / heard.frame_counts.sum()


def head_of_frames(seen: Encoded, heard: Encoded, heads: int) -> Tensor:
    """Which head, from 0, takes each frame of N pictures and their utterances: int64 [N, t], -1
    behind the end of an utterance. seen: as `by_head` has them."""
    taken = [
        matchmap(seen.features[rows], heard.features[rows])
        .unflatten(1, (heads, -1))
        .amax((2, 3))
        .argmax(1)
        for rows in slices(len(seen), PICTURES)
    ]
    return torch.cat(taken).masked_fill(~heard.valid, -1)
