"""The matchmap: how well every cell of a picture fits every frame of speech (P §5.1; D).

This is the paper's page, for reading and for small sets. The same scores, computed fast, are in
`kernels`; a test compares the two.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from wordbrush.davenet.encoded import valid_frames


def matchmap(images: Tensor, audio: Tensor) -> Tensor:
    """Dot products of paired features [N, D, h, w] and [N, D, t]: [N, h, w, t].

    In float32 also where autocast is on, since maxima are sought among them.
    """
    with torch.autocast(images.device.type, enabled=False):
        return torch.einsum("ndhw,ndt->nhwt", images, audio)


def sisa(maps: Tensor, valid: Tensor) -> Tensor:
    """Sum over image, sum over audio: the mean of a matchmap.

    maps: [..., p, t], p cells and t frames. valid: bool [..., t], the frames that count. Returns
    scores [...]; so do `misa` and `sima`.
    """
    return (maps.mean(-2) * valid).sum(-1) / valid.sum(-1)


def misa(maps: Tensor, valid: Tensor) -> Tensor:
    """Max over image, sum over audio: the mean over frames of the best cell of each."""
    return (maps.amax(-2) * valid).sum(-1) / valid.sum(-1)


def sima(maps: Tensor, valid: Tensor) -> Tensor:
    """Sum over image, max over audio: the mean over cells of the best frame of each."""
    return maps.masked_fill(~valid[..., None, :], -torch.inf).amax(-1).mean(-1)


SIMILARITIES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "SISA": sisa,
    "MISA": misa,
    "SIMA": sima,
}


def similarity(images: Tensor, audio: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """Scores [N] of paired features [N, D, h, w] and [N, D, t] with lengths [N]."""
    maps = matchmap(images, audio).flatten(1, 2)
    return SIMILARITIES[kind](maps, valid_frames(lengths, audio.shape[2]))


def salient_location(images: Tensor, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The cell (y, x) [N, 2] and the frame [N] where each pair's matchmap is greatest (P §5.4)."""
    valid = valid_frames(lengths, audio.shape[2])
    maps = matchmap(images, audio).masked_fill(~valid[:, None, None], -torch.inf)
    width, frames = maps.shape[2:]
    best = maps.flatten(1).argmax(1)
    cell = best // frames  # torch.unravel_index would wait for a GPU
    return torch.stack([cell // width, cell % width], 1), best % frames
