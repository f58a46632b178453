"""Scores of `matchmap` for training and retrieval: all pairs of a batch, chosen pairs, large sets.

MISA takes the best cell of every frame, so only that cell has a gradient. The autograd functions
here keep which cell won in place of the matchmaps, and cut the work into blocks that stay in fast
memory.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from wordbrush.davenet.encoded import Encoded, compared
from wordbrush.davenet.matchmap import SIMILARITIES, matchmap, sima
from wordbrush.training.compute import require_device_memory, runs_ahead
from wordbrush.training.memory import require_memory

PICTURES = 32  # of a large set scored by SIMA at a time: their matchmaps are held in full
UTTERANCES = 128  # scored at a time: adding up the frames of M at once costs M² sums
BLOCK_FRAMES = 1024  # of speech in a block of matchmaps, at most
BLOCK_VALUES = 1 << 23  # dot products in a block: 32 MiB


def similarities(images: Encoded, speech: Encoded, kind: str) -> Tensor:
    """Scores of every one of N pictures with every one of M utterances: [N, M] (P §5.1; D)."""
    (seen, said), valid = compared(images, speech), speech.valid
    if kind == "SISA":  # the mean of products is the product of means
        heard = (said * valid[:, None]).sum(2) / speech.frame_counts[:, None]
        return seen.mean((2, 3)) @ heard.T
    frames = said.transpose(1, 2).flatten(0, 1)  # [M·t, D]
    if kind == "MISA":
        heard = counted_frames(valid)
        best = BestCell.apply(seen, frames, heard)  # [N, F]
        number = torch.arange(len(speech), device=heard.device)
        owners = (heard // valid.shape[1])[:, None] == number  # [F, M]
        if len(heard) == valid.numel():  # padding among them
            owners &= valid.view(-1, 1)
        return best @ owners.to(best.dtype) / speech.frame_counts
    maps = every_cell(seen, frames).unflatten(2, valid.shape)  # [N, p, M, t]
    return sima(maps.transpose(1, 2), valid)


def paired_similarities(
    images: Encoded,
    speech: Encoded,
    kind: str,
    chosen: tuple[Tensor, Tensor] | None = None,
) -> Tensor:
    """Scores [P] of chosen pairs alone: the numbers [P] of their pictures and of their utterances.

    If none are chosen, each picture with the utterance of the same number.
    """
    if chosen is None:
        chosen = (torch.arange(len(images), device=images.features.device),) * 2
    pictures, utterances = chosen
    (seen, said), valid = compared(images, speech), speech.valid[utterances]
    if kind == "MISA":
        best = BestCellOfPairs.apply(seen, said, pictures, utterances)
        return (best * valid).sum(1) / speech.frame_counts[utterances]
    maps = matchmap(seen[pictures], said[utterances]).flatten(1, 2)
    return SIMILARITIES[kind](maps, valid)


def all_similarities(images: Encoded, speech: Encoded, kind: str) -> Tensor:
    """As `similarities`, for sets whose matchmaps do not fit into memory.

    Raises WordbrushError where the scores themselves do not.
    """
    require_memory(
        f"the scores of {len(images)} pictures with {len(speech)} captions",
        4 * len(images) * len(speech),
        "lower the numbers of samples",
    )
    together = PICTURES if kind == "SIMA" else len(images)
    columns = [speech[rows] for rows in slices(len(speech), UTTERANCES)]
    return torch.cat(
        [
            torch.cat([similarities(images[rows], few, kind) for few in columns], 1)
            for rows in slices(len(images), together)
        ]
    )


def slices(count: int, size: int) -> Iterator[slice]:
    """So many rows, `size` at a time."""
    return (slice(start, start + size) for start in range(0, count, size))


def every_cell(images: Tensor, frames: Tensor) -> Tensor:
    """Dot products of all cells of pictures [N, D, h, w] with frames [F, D] of speech: [N, p, F].

    As a 1×1 convolution whose filters are the frames: on CPUs, PyTorch's convolutions are twice as
    fast as its matrix products.
    """
    require_device_memory(
        f"the matchmaps of {len(images)} pictures and {len(frames)} frames of speech",
        images[:, 0].numel() * len(frames) * images.element_size(),
        "lower davenet.batch_size or the samples",
        images.device,
    )
    images = images.contiguous(memory_format=torch.channels_last)
    return F.conv2d(images, frames[:, :, None, None]).permute(0, 2, 3, 1).flatten(1, 2)


def best_cell(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest of all cells of [N, p, F], and the first cell that has it: both [N, F].

    As a max pool over all cells: on CPUs, PyTorch's max with its index takes ten times as long.
    """
    if maps.is_cuda:
        return maps.max(1)
    columns = maps[:, :, None].permute(0, 3, 1, 2)  # [N, F, p, 1]
    best, winner = F.max_pool2d(columns, (maps.shape[1], 1), return_indices=True)
    return best.flatten(1), winner.flatten(1)


def blocks(images: Tensor, frames: int) -> Iterator[tuple[slice, slice]]:
    """Cut pictures [N, D, h, w] and so many frames so that a block's dot products stay in cache."""
    width = -(-frames // -(-frames // BLOCK_FRAMES))
    height = max(1, BLOCK_VALUES // (width * images.shape[2:].numel()))
    for row in range(0, len(images), height):
        for column in range(0, frames, width):
            yield slice(row, row + height), slice(column, column + width)


def counted_frames(valid: Tensor) -> Tensor:
    """Numbers [F] of the frames that count, of bool [M, t].

    On GPUs all M·t: to find those that count, the host would have to wait.
    """
    if runs_ahead(valid.device):
        return torch.arange(valid.numel(), device=valid.device)
    return valid.flatten().nonzero().squeeze(1)


class BestCell(torch.autograd.Function):
    """The greatest dot product over the cells, for each picture and each frame that is heard.

    Pictures [N, D, h, w], frames [R, D] of speech, heard [F], ascending numbers -> [N, F]. Only the
    winning cell of each picture and frame has a gradient: the backward pass adds up winners, where
    autograd's own would multiply matrices that are nearly all 0. Matchmaps live only for the
    blocks in which their maxima are sought.
    """

    @staticmethod
    def forward(context: FunctionCtx, images: Tensor, frames: Tensor, heard: Tensor) -> Tensor:
        best = images.new_empty(len(images), len(heard))
        winner = best.new_empty(best.shape, dtype=torch.int32)
        for rows, columns in blocks(images, len(heard)):
            maps = every_cell(images[rows], frames[heard[columns]])
            best[rows, columns], winner[rows, columns] = best_cell(maps)
        context.save_for_backward(images, frames, heard, winner)
        return best

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        images, frames, heard, winner = context.saved_tensors
        cells = images.permute(0, 2, 3, 1)  # [N, h, w, D]
        area, count = cells[0, ..., 0].numel(), cells[..., 0].numel()
        first = torch.arange(0, count, area, dtype=winner.dtype, device=winner.device)
        winner = winner + first[:, None]  # its number among the cells of all pictures
        every = torch.arange(len(frames), device=heard.device)
        starts = torch.searchsorted(heard, every) * len(images)  # what is not heard has none
        of_frames = weighted_sums(
            cells.flatten(0, 2), winner.T.flatten(), gradient.T.flatten(), starts.to(winner.dtype)
        )
        heard = heard.to(winner.dtype).expand_as(winner)
        of_cells = sums_by_target(frames, heard, gradient, winner, count)
        return of_cells.view(cells.shape).permute(0, 3, 1, 2), of_frames, None


class BestCellOfPairs(torch.autograd.Function):
    """As BestCell, of chosen pairs alone.

    Pictures [N, D, h, w] and speech [M, D, t], their numbers [P] and [P] -> [P, t].
    """

    @staticmethod
    def forward(
        context: FunctionCtx, images: Tensor, audio: Tensor, pictures: Tensor, utterances: Tensor
    ) -> Tensor:
        cells = images.flatten(2)  # [N, D, p]
        height = max(1, BLOCK_VALUES // 2 // cells[0].numel())
        found = [
            best_cell(torch.bmm(taken(cells, some).transpose(1, 2), taken(audio, others)))
            for some, others in zip(pictures.split(height), utterances.split(height), strict=True)
        ]
        best, winner = (torch.cat(parts) for parts in zip(*found, strict=True))
        context.save_for_backward(images, audio, pictures, utterances, winner)
        return best

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        images, audio, pictures, utterances, winner = context.saved_tensors
        cells, frames = images.permute(0, 2, 3, 1), audio.transpose(1, 2)  # [N, h, w, D], [M, t, D]
        area, time = cells[0, ..., 0].numel(), frames.shape[1]
        cell = pictures[:, None] * area + winner  # numbers among the cells and frames of all
        frame = utterances[:, None] * time + torch.arange(time, device=winner.device)
        of_cells = sums_by_target(frames.flatten(0, 1), frame, gradient, cell, len(images) * area)
        of_frames = sums_by_target(cells.flatten(0, 2), cell, gradient, frame, len(audio) * time)
        return (
            of_cells.view(cells.shape).permute(0, 3, 1, 2),
            of_frames.view(frames.shape).transpose(1, 2),
            None,
            None,
        )


def taken(rows: Tensor, numbers: Tensor) -> Tensor:
    """rows[numbers]; on CPUs without a copy where the numbers follow one another."""
    if runs_ahead(numbers.device):
        return rows[numbers]
    run = slice(int(numbers[0]), int(numbers[0]) + len(numbers))
    return rows[run] if torch.equal(numbers, torch.arange(run.start, run.stop)) else rows[numbers]


def sums_by_target(
    rows: Tensor, chosen: Tensor, weights: Tensor, targets: Tensor, count: int
) -> Tensor:
    """For each target of `count` the sum of the weighted rows [R, D] chosen for it: [count, D].

    chosen, weights, targets: of one shape: which row, with which weight, for which target.
    """
    targets, order = targets.flatten().sort(stable=True)
    chosen, weights = chosen.flatten()[order], weights.flatten()[order]
    del order  # these lists are as long as all scores: beside the gradients, most of the memory
    numbers = torch.arange(count, dtype=targets.dtype, device=targets.device)
    starts = torch.searchsorted(targets, numbers)
    return weighted_sums(rows, chosen, weights, starts.to(chosen.dtype))


def weighted_sums(rows: Tensor, chosen: Tensor, weights: Tensor, starts: Tensor) -> Tensor:
    """Sums of the chosen, weighted rows [R, D], one sum from each of `starts` to the next."""
    return F.embedding_bag(chosen, rows, starts, mode="sum", per_sample_weights=weights)
