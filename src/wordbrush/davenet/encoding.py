"""Encoding sets of any size, a batch at a time, in evaluation mode, where the encoders are.

The results are on the CPU.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import scaled
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import FeatureStore
from wordbrush.davenet.audio import AudioEncoder
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.kernels import slices
from wordbrush.davenet.requirements import AUDIO_COPIES
from wordbrush.training.compute import device_of, to_device
from wordbrush.training.memory import require_memory
from wordbrush.training.planning import bytes_a_row, rows_at_once

BATCH = 250  # at once, on CPUs


def encode_pairs(encoders: Encoders, pairs: Pairs, captions: np.ndarray) -> tuple[Encoded, Encoded]:
    """The whole captions with these numbers [N], and the picture of each."""
    pictures = encode_images(encoders, pairs.images, pairs.manifest.images[captions])
    return pictures, encode_captions(encoders, pairs, captions)


def encode_captions(encoders: Encoders, pairs: Pairs, captions: np.ndarray) -> Encoded:
    """The whole captions with these numbers [N], each by the network of its language."""
    numbers = pairs.manifest.numbers(captions, encoders.config.languages)
    order = numbers.argsort(kind="stable")
    frames = frames_of(encoders, pairs.speech, captions)
    parts = (
        part
        for number, audio in enumerate(encoders.audios)
        for part in spoken(encoders, audio, pairs.speech, captions[numbers == number])
    )
    found = collected(parts, len(captions), frames)
    return found if len(encoders.audios) == 1 else found[torch.from_numpy(order.argsort())]


@torch.no_grad()
def encode_images(encoders: Encoders, images: np.ndarray, indices: np.ndarray) -> Encoded:
    """Of pictures uint8 [M, H, W, 3], those with these numbers [N]: features [N, D, h, w]."""
    indices, where = np.asarray(indices), device_of(encoders)
    height, width = images.shape[1:3]
    batch = rows_at_once(BATCH, lambda: bytes_a_picture(encoders.config, (height, width)), where)
    parts = (
        encoders.encode_images(scaled(to_device(torch.from_numpy(images[indices[rows]]), where)))
        for rows in slices(len(indices), batch)
    )
    return collected(parts, len(indices))


def encode_speech(
    encoders: Encoders, speech: FeatureStore, indices: np.ndarray, language: str | None = None
) -> Encoded:
    """Whole utterances with these numbers [N], in this language, or the first one: features
    [N, D, t] and lengths [N]."""
    indices = np.asarray(indices)
    parts = spoken(encoders, encoders.audio_of(language), speech, indices)
    return collected(parts, len(indices), frames_of(encoders, speech, indices))


@torch.no_grad()
def spoken(
    encoders: Encoders, audio: AudioEncoder, speech: FeatureStore, indices: np.ndarray
) -> Iterator[Encoded]:
    """Whole utterances as one of the audio networks hears them, a batch at a time."""
    where = device_of(audio)
    batch = rows_at_once(BATCH, lambda: bytes_an_utterance(audio, speech, indices), where)
    for rows in slices(len(indices), batch):
        features, lengths = speech.batch(indices[rows])
        yield encoders.heard_by(audio, to_device(features, where), to_device(lengths, where))


def bytes_a_picture(config: EncoderConfig, size: tuple[int, int]) -> int:
    """That encoding a picture of this height and width takes."""
    return bytes_a_row(
        lambda: Encoders(config),
        lambda encoders, rows: encoders.encode_images(torch.empty(rows, 3, *size)),
    )


def bytes_an_utterance(audio: AudioEncoder, speech: FeatureStore, indices: np.ndarray) -> int:
    """That encoding the longest of these utterances takes, at most: as in a training."""
    frames = int(speech.lengths[indices].max(initial=1))
    return round(4 * AUDIO_COPIES * frames * audio.channels_a_frame)


def frames_of(encoders: Encoders, speech: FeatureStore, indices: np.ndarray) -> int:
    """Of the longest of these utterances, when it is encoded."""
    return -(-int(speech.lengths[indices].max()) // encoders.audio.stride)


def collected(parts: Iterable[Encoded], count: int, frames: int | None = None) -> Encoded:
    """Batches of encoded samples as one, `count` in all; speech is padded to so many frames.

    Raises WordbrushError where the memory does not hold them, ValueError where there are none.
    """
    whole: Encoded | None = None
    done = 0
    for part in parts:
        part = part.to("cpu")
        whole = whole or room_for(part, count, frames)
        rows = slice(done, done + len(part))
        copy_rows(whole.features, part.features, rows)
        copy_rows(whole.lengths, part.lengths, rows)
        copy_rows(whole.context, part.context, rows)
        done += len(part)
    if whole is None:
        raise ValueError("there is nothing to encode")
    return whole


def room_for(part: Encoded, count: int, frames: int | None) -> Encoded:
    """Zeros for `count` samples such as those of `part`."""

    def zeros(tensor: Tensor) -> Tensor:
        _, *shape = tensor.shape
        if frames is not None and shape:
            shape[-1] = frames
        return tensor.new_zeros(count, *shape)

    _, *places = part.features.shape[1:]
    channels = sum(one.shape[1] for one in (part.features, part.context) if one is not None)
    needed = 4 * count * channels * math.prod([*places[:-1], frames or places[-1]])
    require_memory(f"the features of {count} samples", needed, "lower the numbers of samples")
    return replace(part, auxiliary_loss=None).map(zeros)


def copy_rows(whole: Tensor | None, part: Tensor | None, rows: slice) -> None:
    """Write a part into its rows, from the first frame on."""
    if whole is not None and part is not None:
        target = whole[rows] if part.dim() == 1 else whole[rows, ..., : part.shape[-1]]
        target.copy_(part)
