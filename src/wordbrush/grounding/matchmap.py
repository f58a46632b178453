"""The matchmap: how well every place of a picture fits every moment of speech (P §5.1), and similarities drawn from it."""

import torch
from torch import Tensor

from wordbrush.grounding.encoders import valid_frames

CHUNK = 32  # pictures a matrix product when all pairs of a large set are scored


def matchmap(images: Tensor, audio: Tensor) -> Tensor:
    """Dot products of paired features [N, D, h, w] and [N, D, t]: [N, h, w, t]."""
    return torch.einsum("ndhw,ndt->nhwt", images, audio)


def similarities(images: Tensor, audio: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """Scores of every picture [N, D, h, w] with every utterance [M, D, t], lengths [M]: [N, M], by one matrix product.

    SISA: mean over space and time. MISA: max over space, mean over time. SIMA: max over time, mean over space. Only the valid
    time counts.
    """
    places = images.flatten(2).transpose(1, 2)                                  # [N, p, D]
    frames = audio.permute(1, 0, 2)                                             # [D, M, t]
    valid = valid_frames(lengths, audio.shape[2])                               # [M, t]
    if kind == "SISA":  # the mean of products is the product of means
        return places.mean(1) @ ((audio * valid[:, None]).sum(2) / lengths[:, None]).T
    maps = (places.reshape(-1, places.shape[2]) @ frames.flatten(1)).view(*places.shape[:2], *valid.shape)  # [N, p, M, t]
    return pool(maps, valid, lengths, kind)


def pool(maps: Tensor, valid: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """Matchmaps [N, p, M, t] to scores [N, M]."""
    if kind == "SISA":
        return (maps.mean(1) * valid).sum(-1) / lengths
    if kind == "MISA":
        return (maps.amax(1) * valid).sum(-1) / lengths
    return maps.masked_fill(~valid.unsqueeze(-3), -torch.inf).amax(-1).mean(1)


def paired_similarities(images: Tensor, audio: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """Scores of the pairs alone: picture n with utterance n: [N]."""
    maps = matchmap(images, audio).flatten(1, 2)                                 # [N, p, t]
    return pool(maps[:, :, None], valid_frames(lengths, audio.shape[2])[:, None], lengths[:, None], kind)[:, 0]


def all_similarities(images: Tensor, audio: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """As `similarities`, in chunks of pictures, for sets whose matchmaps do not fit into memory."""
    return torch.cat([similarities(part, audio, lengths, kind) for part in images.split(CHUNK)])


def salient(images: Tensor, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The place (y, x) [N, 2] and the moment [N] at which each pair's matchmap is greatest (P §5.4, §5.6)."""
    maps = matchmap(images, audio)
    maps = maps.masked_fill(~valid_frames(lengths, audio.shape[2])[:, None, None], -torch.inf)
    _, _, width, time = maps.shape
    best = maps.flatten(1).argmax(1)
    place = best // time
    return torch.stack([place // width, place % width], 1), best % time
