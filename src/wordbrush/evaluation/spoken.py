"""What is said when: the words of captions on the time axis of speech features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Spoken:
    """All words of some captions, in order of caption and time.

    caption, label, first, stop: int64 [W]: the row of the caption, the number in `labels`, the
    first feature frame, and the one after the last.
    """

    labels: list[str]
    caption: Tensor
    label: Tensor
    first: Tensor
    stop: Tensor

    def __len__(self) -> int:
        return len(self.caption)

    @property
    def occurrences(self) -> Tensor:
        """How often each label is said: int64 [V]."""
        return torch.bincount(self.label, minlength=len(self.labels))

    def sums(self, values: Tensor) -> Tensor:
        """Of values in every frame [N, t, C], the sums over the frames of each word: [W, C]."""
        before = F.pad(values.cumsum(1), (0, 0, 1, 0))
        return before[self.caption, self.stop] - before[self.caption, self.first]

    def of(self, chosen: Tensor) -> "Spoken":
        """Some of the words: bool or int64."""
        return replace(
            self,
            **{name: getattr(self, name)[chosen] for name in ("caption", "label", "first", "stop")},
        )

    def often(self, least: int) -> "Spoken":
        """The words whose label is said `least` times or more."""
        kept = self.occurrences >= least
        numbers = kept.cumsum(0) - 1
        chosen = self.of(kept[self.label])
        labels = [label for label, one in zip(self.labels, kept.tolist(), strict=True) if one]
        return replace(chosen, labels=labels, label=numbers[chosen.label])

    def as_values(self, meaning: dict[str, str], values: list[str]) -> "Spoken":
        """The words that mean a value, labelled by it: 'ball' as 'sphere'."""
        number = torch.tensor(
            [values.index(meaning[word]) if word in meaning else -1 for word in self.labels]
        )
        kept = number[self.label] >= 0
        return replace(self.of(kept), labels=values, label=number[self.label[kept]])


def align(captions: Sequence[list[dict]], lengths: Tensor, seconds: float) -> Spoken:
    """Place the words of each caption on its feature frames.

    captions: {word, start, end} in seconds. lengths [N]: how many frames of each caption count;
    each lasts `seconds`. A frame belongs to the word that is spoken at its middle; a word too short
    for one has the nearest. Words after the last frame (of captions that were cut) are left out.
    """
    words = [(row, word) for row, caption in enumerate(captions) for word in caption]
    labels = sorted({word["word"] for _, word in words})
    numbers = {label: number for number, label in enumerate(labels)}
    caption = torch.tensor([row for row, _ in words], dtype=torch.long)
    label = torch.tensor([numbers[word["word"]] for _, word in words], dtype=torch.long)
    times = np.array([(word["start"], word["end"]) for _, word in words]).reshape(-1, 2) / seconds
    first, stop = np.ceil(times).astype(int).T
    nearest, short = np.round(times.mean(1)).astype(int), stop <= first
    first, stop = (
        torch.from_numpy(np.where(short, *either))
        for either in ((nearest, first), (nearest + 1, stop))
    )
    stop = torch.minimum(stop, lengths[caption])
    return Spoken(labels, caption, label, first, stop).of(stop > first)
