"""Batches of pairs, made ahead of the step that reads them."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import to_images
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs
from wordbrush.data.speech import Crops
from wordbrush.data.views import MIDDLE, Views
from wordbrush.errors import WordbrushError
from wordbrush.training.compute import device, to_device

AHEAD = 2  # batches
WIDTHS = 64  # frames: the widths of batches of few shapes are multiples of it


def widened(features: Tensor) -> Tensor:
    """[B, bands, T] padded with silence to one of few widths."""
    return F.pad(features, (0, -features.shape[2] % WIDTHS))


@dataclass(frozen=True)
class PairBatch:
    """A batch of B captions, of which this process has b rows, with the picture that each tells of.

    captions: int64 [B], their numbers. positives: bool [B, B], which picture (row) each caption
    (column) tells of. pictures: int64 [b]. images: float [b, 3, H, W] in [-1, 1]. features:
    float [b, bands, T], captions and crops of them, and lengths: int64 [b]. certainty: float [P],
    that of each twin of the whole batch, where there are twins (twin_loader.TwinLoader).
    """

    captions: np.ndarray
    positives: Tensor
    pictures: np.ndarray
    images: Tensor
    features: Tensor
    lengths: Tensor
    certainty: Tensor | None = None

    def map(self, change: Callable[[Tensor], Tensor]) -> "PairBatch":
        """The same with every tensor changed."""
        changed: dict[str, Any] = {name: change(one) for name, one in self.tensors.items()}
        return replace(self, **changed)

    @property
    def tensors(self) -> dict[str, Tensor]:
        """All tensors, by name."""
        return {name: one for name, one in vars(self).items() if torch.is_tensor(one)}

    def of_few_widths(self) -> "PairBatch":
        """The same with features padded to one of few widths, so that few shapes occur."""
        return replace(self, features=widened(self.features))

    def to(self, where: torch.device) -> "PairBatch":
        """The same on a device."""
        return self.map(lambda tensor: to_device(tensor, where))


@dataclass(frozen=True)
class BatchPlan:
    """How batches are made: rows of the whole batch, this process' part, crops, and edits.

    edit_every: every n-th row has its whole caption, and the picture's middle, as edits are made of
    it; 0: none. pool: so many batches are drawn together, and their captions divided by length, so
    that those of a batch are about as long; 1: not divided. flip: whether half of the pictures are
    mirrored. languages: whose captions take turns in the rows of a batch,
    equally many of each; none: captions come as they are. together: the rows of a turn tell of one
    picture, as far as it has captions in these languages.
    """

    size: int
    part: slice
    crops: Crops
    edit_every: int = 0
    pool: int = 1
    flip: bool = False
    languages: Sequence[str] = ()
    together: bool = False


class Loader:
    """Endless batches of distinct captions, epoch after epoch; a short rest is dropped.

    rows: of a whole batch; and size: captions of an epoch that it takes.

    One thread makes the next batches while a step computes. The random numbers are drawn in the
    order of the batches, and `state_dict` is the state behind the batch that was handed out last,
    so that a resumed training sees the same batches.
    """

    def __init__(self, pairs: Pairs, captions: np.ndarray, plan: BatchPlan, seed: int):
        self.pairs, self.captions, self.plan = pairs, captions, plan
        self.rows = self.size = min(plan.size, len(captions))
        self.views = Views(pairs.images, pairs.wide, plan.flip)
        self._rng = np.random.default_rng(seed)
        self._turns = by_language(pairs.manifest, captions, plan.languages)
        self._rests = [captions[:0] for _ in self._turns]
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="loader")
        self._waiting: deque[Future[tuple[PairBatch, dict[str, Any]]]] = deque()
        self._state = self._now()

    def __next__(self) -> PairBatch:
        while len(self._waiting) <= AHEAD:
            self._waiting.append(self._pool.submit(self._ready))
        batch, self._state = self._waiting.popleft().result()
        return batch

    def state_dict(self) -> dict[str, Any]:
        return self._state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.close()
        self._rests, self._rng.bit_generator.state = list(state["rests"]), state["rng"]
        self._state = self._now()

    def close(self) -> None:
        """Forget the batches that were made ahead."""
        for future in self._waiting:
            future.cancel()
        self._pool.submit(self._waiting.clear).result()  # when the one at work is done

    def _now(self) -> dict[str, Any]:
        return {"rests": list(self._rests), "rng": self._rng.bit_generator.state}

    def _ready(self) -> tuple[PairBatch, dict[str, Any]]:
        batch = self._make()
        if device().type == "cuda":  # here, where no step waits for it
            batch = batch.map(torch.Tensor.pin_memory)
        return batch, self._now()

    def _make(self) -> PairBatch:
        chosen = self._choose()
        manifest, speech, part = self.pairs.manifest, self.pairs.speech, self.plan.part
        edited = self._edited(len(chosen))
        features, lengths = speech.crops(chosen, self.plan.crops, self._rng, edited)
        pictures = manifest.images[chosen[part]]
        return PairBatch(
            chosen,
            torch.from_numpy(manifest.positives(chosen)),
            pictures,
            to_images(self._see(chosen, edited)),
            features[part],
            lengths[part],
        )

    def _choose(self) -> np.ndarray:
        each = self.size // len(self._turns)
        chosen = [self._next(turn, each) for turn in range(len(self._turns))]
        if self.plan.together:
            pictures = self.pairs.manifest.images[chosen[0]]
            chosen[1:] = [
                self._telling_of(pictures, turn, others)
                for turn, others in zip(self._turns[1:], chosen[1:], strict=True)
            ]
        return np.stack(chosen, 1).ravel()

    def _next(self, turn: int, count: int) -> np.ndarray:
        """The next captions in one language."""
        if len(self._rests[turn]) < count:
            self._rests[turn] = self._alike(self._rng.permutation(self._turns[turn]), count)
        chosen, self._rests[turn] = np.split(self._rests[turn], [count])
        return chosen

    def _telling_of(
        self, pictures: np.ndarray, captions: np.ndarray, others: np.ndarray
    ) -> np.ndarray:
        """One of these captions for each of the pictures [B], drawn at random; `others` [B] in
        place of those that there are none of."""
        told = self.pairs.manifest.images[captions]
        order = told.argsort(kind="stable")
        first, stop = (told[order].searchsorted(pictures, side) for side in ("left", "right"))
        drawn = first + (self._rng.random(len(pictures)) * (stop - first)).astype(int)
        found = captions[order[np.minimum(drawn, len(order) - 1)]]
        return np.where(first < stop, found, others)

    def _alike(self, shuffled: np.ndarray, size: int) -> np.ndarray:
        """An epoch's captions, those of each batch of a pool about as long; batches in any order.

        What the epoch drops is dropped before, and so is as long as others.
        """
        if self.plan.pool == 1:
            return shuffled
        lengths, pool = self.pairs.speech.lengths, self.plan.pool * size
        batches: list[np.ndarray] = []
        kept = shuffled[: len(shuffled) // size * size]
        for start in range(0, len(kept), pool):
            some = kept[start : start + pool]
            some = some[lengths[some].argsort(kind="stable")]
            batches += np.split(some, len(some) // size)
        return np.concatenate([batches[one] for one in self._rng.permutation(len(batches))])

    def _see(self, chosen: np.ndarray, edited: np.ndarray) -> np.ndarray:
        """The pictures of this process' part, as they are seen this time: uint8 [b, H, W, 3]."""
        part = self.plan.part
        places, mirrored = self.views.draw(len(chosen), self._rng)
        places[edited], mirrored[edited] = MIDDLE, False
        return self.views.take(
            self.pairs.manifest.images[chosen[part]], places[part], mirrored[part]
        )

    def _edited(self, rows: int) -> np.ndarray:
        """Which rows of a whole batch of so many are edited: bool [rows]."""
        every = self.plan.edit_every
        return np.arange(rows) % every == 0 if every else np.zeros(rows, bool)


def by_language(
    manifest: Manifest, captions: np.ndarray, languages: Sequence[str]
) -> list[np.ndarray]:
    """The captions that each language's network hears; all together where fewer than two have one.

    Raises WordbrushError where a language has none.
    """
    if len(languages) < 2:
        return [captions]
    numbers = manifest.numbers(captions, languages)
    turns = [captions[numbers == number] for number in range(len(languages))]
    for language, turn in zip(languages, turns, strict=True):
        if not len(turn):
            raise WordbrushError(
                f"no caption for training is in {language!r}, which davenet.languages names: leave "
                "it out."
            )
    return turns
