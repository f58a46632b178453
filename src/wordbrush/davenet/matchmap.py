"""The matchmap: how well every place of a picture fits every moment of speech (P §5.1), and similarities drawn from it."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from wordbrush.davenet.encoders import valid_frames
from wordbrush.training.compute import require_device_memory
from wordbrush.training.memory import require_memory

PICTURES = (
    32  # whose matchmaps are held at a time, when all pairs of a large set are scored by SIMA
)
UTTERANCES = 128  # scored at a time: adding up the moments of M at once costs M² sums
BLOCK_FRAMES = 1024  # of speech that a block of matchmaps holds at most
BLOCK_VALUES = 1 << 23  # dot products in a block: 32 MiB


def matchmap(images: Tensor, audio: Tensor) -> Tensor:
    """Dot products of paired features [N, D, h, w] and [N, D, t]: [N, h, w, t]; in full precision, since a maximum is sought."""
    with torch.autocast(images.device.type, enabled=False):
        return torch.einsum("ndhw,ndt->nhwt", images, audio)


def similarities(images: Tensor, audio: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """Scores of every picture [N, D, h, w] with every utterance [M, D, t], lengths [M]: [N, M], by matrix products.

    SISA: mean over space and time. MISA: max over space, mean over time. SIMA: max over time, mean over space. Only the valid
    time counts.
    """
    valid = valid_frames(lengths, audio.shape[2])  # [M, t]
    if kind == "SISA":  # the mean of products is the product of means
        return images.mean((2, 3)) @ ((audio * valid[:, None]).sum(2) / lengths[:, None]).T
    if kind == "MISA":
        best = BestPlace.apply(
            images, audio.transpose(1, 2).flatten(0, 1), valid.flatten()
        )  # [N, F]
        owners = F.one_hot(valid.nonzero()[:, 0], len(audio)).to(best.dtype)  # [F, M]
        return best @ owners / lengths
    maps = every_place(images, audio.transpose(1, 2).flatten(0, 1))  # [N, p, M·t]
    return pool(maps.unflatten(2, valid.shape), valid, lengths, kind)


def every_place(images: Tensor, frames: Tensor) -> Tensor:
    """Dot products of all places of pictures [N, D, h, w] with frames [F, D] of speech: [N, p, F].

    As a 1×1 convolution whose filters are the frames: on CPUs, PyTorch's convolutions outrun its matrix products by two.
    """
    require_device_memory(
        f"the matchmaps of {len(images)} pictures and {len(frames)} frames of speech",
        images[:, 0].numel() * len(frames) * images.element_size(),
        "lower davenet.batch_size or the samples",
        images.device,
    )
    images = images.contiguous(memory_format=torch.channels_last)
    return F.conv2d(images, frames[:, :, None, None]).permute(0, 2, 3, 1).flatten(1, 2)


def greatest(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The greatest of all places of [N, p, F], and the first place that has it: both [N, F].

    As a max pool over all places: on CPUs, PyTorch's max with its place takes ten times as long.
    """
    if maps.is_cuda:
        return maps.max(1)
    best, winner = F.max_pool2d(
        maps[:, :, None].permute(0, 3, 1, 2), (maps.shape[1], 1), return_indices=True
    )
    return best.flatten(1), winner.flatten(1)


def blocks(images: Tensor, frames: int) -> Iterator[tuple[slice, slice]]:
    """Pictures [N, D, h, w] and so many frames, cut so that the dot products of a block stay in fast memory."""
    parts = -(-frames // BLOCK_FRAMES)
    width = -(-frames // parts)
    height = max(1, BLOCK_VALUES // (width * images[0, 0].numel()))
    for row in range(0, len(images), height):
        for column in range(0, frames, width):
            yield slice(row, row + height), slice(column, column + width)


class BestPlace(torch.autograd.Function):
    """Pictures [N, D, h, w] and frames [R, D] of speech, of which F count (valid [R]) -> the greatest dot product of each picture
    and frame that counts over the places, [N, F].

    Only the winning place of each picture and frame has a gradient: the backward pass adds up winners, where autograd's own would
    multiply matrices that are nearly all 0. Matchmaps live only for the blocks in which their maxima are sought.
    """

    @staticmethod
    def forward(context: FunctionCtx, images: Tensor, frames: Tensor, valid: Tensor) -> Tensor:
        heard = valid.nonzero().squeeze(1)
        best = images.new_empty(len(images), len(heard))
        winner = best.new_empty(best.shape, dtype=torch.int32)
        for rows, columns in blocks(images, len(heard)):
            best[rows, columns], winner[rows, columns] = greatest(
                every_place(images[rows], frames[heard[columns]])
            )
        context.save_for_backward(images, frames, valid, winner)
        return best

    @staticmethod
    def backward(context: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        images, frames, valid, winner = context.saved_tensors
        places, heard = images.permute(0, 2, 3, 1), valid.nonzero().squeeze(1)  # [N, h, w, D], [F]
        area, count = places[0, ..., 0].numel(), places[..., 0].numel()
        winner = (
            winner + torch.arange(0, count, area, dtype=winner.dtype, device=winner.device)[:, None]
        )
        starts = (valid.cumsum(0) - valid.long()) * len(images)  # what does not count has none
        of_frames = weighted_sums(
            places.flatten(0, 2), winner.T.flatten(), gradient.T.flatten(), starts.to(winner.dtype)
        )
        of_places = sums_by_target(
            frames, heard.to(winner.dtype).expand_as(winner), gradient, winner, count
        )
        return of_places.view(places.shape).permute(0, 3, 1, 2), of_frames, None


class BestPlaceOfPairs(torch.autograd.Function):
    """As BestPlace, of chosen pairs alone: pictures [N, D, h, w] and speech [M, D, t], their numbers [P] and [P] -> [P, t]."""

    @staticmethod
    def forward(
        context: FunctionCtx, images: Tensor, audio: Tensor, pictures: Tensor, utterances: Tensor
    ) -> Tensor:
        places = images.flatten(2)  # [N, D, p]
        height = max(1, BLOCK_VALUES // 2 // places[0].numel())
        found = [
            greatest(torch.bmm(taken(places, one).transpose(1, 2), taken(audio, other)))
            for one, other in zip(pictures.split(height), utterances.split(height), strict=True)
        ]
        best, winner = (torch.cat(parts) for parts in zip(*found, strict=True))
        context.save_for_backward(images, audio, pictures, utterances, winner)
        return best

    @staticmethod
    def backward(context: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, None, None]:
        images, audio, pictures, utterances, winner = context.saved_tensors
        places, frames = (
            images.permute(0, 2, 3, 1),
            audio.transpose(1, 2),
        )  # [N, h, w, D], [M, t, D]
        area, time = places[0, ..., 0].numel(), frames.shape[1]
        place = pictures[:, None] * area + winner
        frame = utterances[:, None] * time + torch.arange(time, device=winner.device)
        of_places = sums_by_target(frames.flatten(0, 1), frame, gradient, place, len(images) * area)
        of_frames = sums_by_target(places.flatten(0, 2), place, gradient, frame, len(audio) * time)
        return (
            of_places.view(places.shape).permute(0, 3, 1, 2),
            of_frames.view(frames.shape).transpose(1, 2),
            None,
            None,
        )


def taken(rows: Tensor, numbers: Tensor) -> Tensor:
    """rows[numbers]; on CPUs without a copy where the numbers follow one another."""
    if numbers.is_cuda:  # which would have to wait to see them
        return rows[numbers]
    run = slice(int(numbers[0]), int(numbers[0]) + len(numbers))
    return rows[run] if torch.equal(numbers, torch.arange(run.start, run.stop)) else rows[numbers]


def sums_by_target(
    rows: Tensor, chosen: Tensor, weights: Tensor, targets: Tensor, count: int
) -> Tensor:
    """For each target of `count` the sum of the weighted rows [R, D] that are chosen for it: [count, D]."""
    targets, order = targets.flatten().sort(stable=True)
    chosen, weights = chosen.flatten()[order], weights.flatten()[order]
    del order  # these lists are as long as all scores: beside the gradients, most of the memory
    starts = torch.searchsorted(
        targets, torch.arange(count, dtype=targets.dtype, device=targets.device)
    )
    return weighted_sums(rows, chosen, weights, starts.to(chosen.dtype))


def weighted_sums(rows: Tensor, chosen: Tensor, weights: Tensor, starts: Tensor) -> Tensor:
    """Sums of weighted rows [R, D], one from each of `starts` to the next."""
    return F.embedding_bag(chosen, rows, starts, mode="sum", per_sample_weights=weights)


def pool(maps: Tensor, valid: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """Matchmaps [N, p, M, t] to scores [N, M]."""
    if kind == "SISA":
        return (maps.mean(1) * valid).sum(-1) / lengths
    if kind == "MISA":
        return (maps.amax(1) * valid).sum(-1) / lengths
    return maps.masked_fill(~valid.unsqueeze(-3), -torch.inf).amax(-1).mean(1)


def paired_similarities(
    images: Tensor,
    audio: Tensor,
    lengths: Tensor,
    kind: str,
    pictures: Tensor | None = None,
    utterances: Tensor | None = None,
) -> Tensor:
    """Scores of chosen pairs alone: pictures and utterances of these numbers [P]; if none are given, the first with the first."""
    if pictures is None or utterances is None:
        pictures = utterances = torch.arange(len(images), device=images.device)
    lengths = lengths[utterances]
    valid = valid_frames(lengths, audio.shape[2])
    if kind == "MISA":
        return (BestPlaceOfPairs.apply(images, audio, pictures, utterances) * valid).sum(
            1
        ) / lengths
    maps = matchmap(images[pictures], audio[utterances]).flatten(1, 2)  # [P, p, t]
    return pool(maps[:, :, None], valid[:, None], lengths[:, None], kind)[:, 0]


def all_similarities(images: Tensor, audio: Tensor, lengths: Tensor, kind: str) -> Tensor:
    """As `similarities`, for sets whose matchmaps do not fit into memory."""
    require_memory(
        f"the scores of {len(images)} pictures with {len(audio)} captions",
        4 * len(images) * len(audio),
        "lower the numbers of samples",
    )
    together = PICTURES if kind == "SIMA" else len(images)
    heard = list(zip(audio.split(UTTERANCES), lengths.split(UTTERANCES), strict=True))
    return torch.cat(
        [
            torch.cat([similarities(part, *few, kind) for few in heard], 1)
            for part in images.split(together)
        ]
    )


def salient(images: Tensor, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The place (y, x) [N, 2] and the moment [N] at which each pair's matchmap is greatest (P §5.4, §5.6)."""
    maps = matchmap(images, audio)
    maps = maps.masked_fill(~valid_frames(lengths, audio.shape[2])[:, None, None], -torch.inf)
    _, _, width, time = maps.shape
    best = maps.flatten(1).argmax(1)
    place = best // time
    return torch.stack([place // width, place % width], 1), best % time
