"""Hearing while somebody speaks: sound comes bit by bit, and features of the encoder come out.

There are two kinds of models. Features that are relative to the loudest moment of an utterance
cannot stream, so the last seconds are heard as an utterance of their own, again and again. Features
that are normalised over a running window stream: each frame is computed once, and the network runs
on the frames that what is new can reach. `hearing_of` chooses.
"""

import copy
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.davenet.audio import AudioEncoder
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.encoders import Encoders, in_float32
from wordbrush.davenet.running_norm import RunningNormStream
from wordbrush.training.compute import device

WINDOW_SECONDS = 2.4  # four words or so; trainings crop captions to 0.3 to 4 s
LEAD = 2  # frames that the transform of the next ones reaches back, with one sample to emphasise


@dataclass(frozen=True)
class Heard:
    """Features [D, t] of the frames `first`, first + 1, … of an utterance, and what a head of
    context would hear of these, [E, t]; None where the encoder has none.

    They replace what was heard of these frames before: the newest change until what follows them
    has been heard too.
    """

    first: int
    features: Tensor
    lower: Tensor | None = None

    @property
    def stop(self) -> int:
        return self.first + self.features.shape[1]

    @property
    def encoded(self) -> Encoded:
        """The same as a batch of one."""
        lower = None if self.lower is None else self.lower[None]
        return Encoded(self.features[None], torch.tensor([self.features.shape[1]]), lower=lower)

    def frames(self, begin: int, stop: int | None = None) -> "Heard":
        """Some of them, counted from `first`."""
        lower = None if self.lower is None else self.lower[:, begin:stop]
        return Heard(self.first + begin, self.features[:, begin:stop], lower)

    def replaced_by(self, newer: "Heard") -> "Heard":
        """These until the newer ones begin, and then those."""
        kept = self.frames(0, newer.first - self.first)
        lower = None
        if kept.lower is not None and newer.lower is not None:
            lower = torch.cat([kept.lower, newer.lower], 1)
        return Heard(self.first, torch.cat([kept.features, newer.features], 1), lower)


class Hearing(Protocol):
    """One utterance. Sound is float32 at 16 kHz."""

    def push(self, sound: np.ndarray) -> Heard:
        """The next samples [S], of which there is at least one, and less than WINDOW_SECONDS."""

    def finish(self) -> Heard:
        """The utterance has ended: what is still to be said of its last frames."""


def hearing_of(encoders: Encoders, features: FeatureConfig, language: str | None = None) -> Hearing:
    """For a new utterance, in this language or the first."""
    audio = encoders.audio_of(language)
    if audio.running_norm is None:
        return WindowHearing(audio, features)
    return RunningHearing(audio, features)


def frame_seconds(encoders: Encoders, features: FeatureConfig) -> float:
    """From one frame of the encoder to the next."""
    return encoders.audio.stride * features.hop_ms / 1000


class WindowHearing:
    """The last seconds, heard as an utterance: the same features as `Model.hear` gives for them.

    The window begins at a frame of the encoder, so that frames keep their numbers. It is longer by
    what the cut at its beginning spoils, which is left out. So no frame is missed as long as less
    than WINDOW_SECONDS of sound come at once.
    """

    def __init__(self, encoder: AudioEncoder, features: FeatureConfig):
        self.encoder, self.config = encoder, features
        self.step = encoder.stride * hop_samples(features)
        self.blurred = -(-encoder.reach // encoder.stride)  # frames that the cut is heard in
        self.longest = round(WINDOW_SECONDS * SAMPLE_RATE) + (self.blurred + 1) * self.step
        self.first, self.sound = 0, np.zeros(0, np.float32)

    def push(self, sound: np.ndarray) -> Heard:
        self.sound = np.concatenate([self.sound, sound])
        excess = len(self.sound) - self.longest
        if excess > 0:
            dropped = -(-excess // self.step)
            self.first, self.sound = self.first + dropped, self.sound[dropped * self.step :]
        return self._heard()

    def finish(self) -> Heard:
        return self._heard()

    def _heard(self) -> Heard:
        frames = torch.from_numpy(log_mel(self.sound, self.config)).float().T
        return heard_in(self.encoder, frames, self.first).frames(self.blurred if self.first else 0)


class RunningHearing:
    """Features that are normalised over a running window, as the whole utterance would have them.

    A frame is settled when the window behind it has been heard. Until then it is normalised as if
    the utterance ended here, so that light does not wait for the window (half a second).
    """

    def __init__(self, encoder: AudioEncoder, features: FeatureConfig):
        assert encoder.running_norm is not None
        self.encoder, self.config = encoder, features
        self.norm = RunningNormStream(encoder.running_norm)
        self.reach, self.hop = encoder.reach, hop_samples(features)
        self.sound, self.begin = np.zeros(0, np.float32), 0  # kept, from the frame `begin` on
        self.made = 0  # frames of log-mel so far
        self.settled = torch.zeros(features.bands, 0)  # normalised, from the frame `start` on
        self.start = 0
        self.open = 0  # the first frame of the encoder that is not final

    def push(self, sound: np.ndarray) -> Heard:
        self.sound = np.concatenate([self.sound, sound])
        ready = (self.begin * self.hop + len(self.sound) - 2 * self.hop) // self.hop + 1
        self._settle(self.norm.push(self._frames(max(ready, self.made))))
        rest = copy.copy(self.norm)  # to finish it leaves our own as it is
        return self._heard(rest.finish() if self.made else self.settled[:, :0])

    def finish(self) -> Heard:
        every = (self.begin * self.hop + len(self.sound)) // self.hop + 1
        self._settle(self.norm.push(self._frames(every)))
        return self._heard(self.norm.finish())

    def _frames(self, stop: int) -> Tensor:
        """Log-mel of the frames from `made` to `stop`: [bands, n]. Their sound is then dropped."""
        wanted = log_mel(self.sound, self.config)[self.made - self.begin : stop - self.begin]
        self.made = stop
        dropped = max(0, stop - LEAD - self.begin)
        self.sound, self.begin = self.sound[dropped * self.hop :], self.begin + dropped
        return torch.from_numpy(wanted).float().T

    def _settle(self, frames: Tensor) -> None:
        self.settled = torch.cat([self.settled, frames], 1)

    def _heard(self, provisional: Tensor) -> Heard:
        """Encode what is kept, and keep what the next frames can reach."""
        stride = self.encoder.stride
        frames = torch.cat([self.settled, provisional], 1)
        first = self.start // stride
        heard = heard_in(self.encoder, frames, first).frames(self.open - first)
        final = self.start + self.settled.shape[1] - self.reach
        self.open = max(self.open, -(-final // stride))
        start = max(self.start, (self.open * stride - self.reach) // stride * stride)
        self.settled, self.start = self.settled[:, start - self.start :], start
        return heard


def hop_samples(features: FeatureConfig) -> int:
    return round(SAMPLE_RATE * features.hop_ms / 1000)


@torch.no_grad()
def heard_in(encoder: AudioEncoder, frames: Tensor, first: int) -> Heard:
    """Frames [bands, T] that need no further normalisation, on the CPU; `first`: their number."""
    if not frames.shape[1]:
        return nothing_heard(encoder, first)
    lengths = torch.tensor([frames.shape[1]], device=device())
    found = encoder.encode_normalised(frames[None].to(device()), lengths)
    found = in_float32(found).to("cpu")
    return Heard(first, found.features[0], None if found.lower is None else found.lower[0])


def nothing_heard(encoder: AudioEncoder, first: int = 0) -> Heard:
    """No frames."""
    head = encoder.context
    lower = None if head is None else torch.zeros(encoder.channels[head.layer - 1], 0)
    return Heard(first, torch.zeros(encoder.embedding, 0), lower)
