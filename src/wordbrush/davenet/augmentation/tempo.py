"""Speech faster or slower, at the same pitch."""

import torch
from torch import Tensor

from wordbrush.davenet.encoded import valid_frames


def change_tempo(frames: Tensor, lengths: Tensor, factors: Tensor) -> tuple[Tensor, Tensor]:
    """Frames [N, T, bands] and lengths [N], each faster by its factor [N], above 0.

    None becomes longer than T, so that a batch costs no more: what would is slowed down less. New
    frames lie between two that were there, and no utterance has fewer than one.
    """
    width = frames.shape[1]
    new = (lengths / factors).round().long().clamp(1, width)
    time = torch.arange(width, device=frames.device)
    # the middle of each new frame, in frames of the old ones
    at = (time + 0.5) * (lengths / new)[:, None] - 0.5  # [N, T]
    last = (lengths - 1)[:, None]
    at = torch.minimum(at.clamp(min=0), last.float())
    before = at.long()
    share = (at - before)[..., None]
    first, second = take(frames, before), take(frames, torch.minimum(before + 1, last))
    valid = valid_frames(new, width)[..., None]
    return torch.lerp(first, second, share).mul_(valid), new


def take(frames: Tensor, numbers: Tensor) -> Tensor:
    """Of frames [N, T, bands], those with these numbers [N, t]: [N, t, bands]."""
    rows = torch.arange(len(frames), device=frames.device)[:, None] * frames.shape[1]
    taken = frames.flatten(0, 1).index_select(0, (rows + numbers).flatten())
    return taken.view(*numbers.shape, frames.shape[2])
