"""What units and clusters of units stand for: as detectors of what is seen, and of words that are
said (V, the table of the lecture).

A unit is on where it is among its own most active cells or frames. For every label there are the
precision P(label | unit), the recall P(unit | label), and F1; a unit is a detector of the label
with the highest F1. V, K, U: values or words, clusters, and units or clusters as detectors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.concepts.clusters import binarise
from wordbrush.evaluation.intervals import bootstrap, estimate
from wordbrush.evaluation.results import Detector, Estimate, Hypothesis
from wordbrush.evaluation.spoken import Spoken

PICTURES = 256  # whose masks are pooled at once


@dataclass(frozen=True)
class Detection:
    """How well every unit detects every label.

    precision, recall: [V, U]. occurrences [V]: how often each label occurs.
    """

    labels: list[str]
    precision: Tensor
    recall: Tensor
    occurrences: Tensor

    @property
    def f1(self) -> Tensor:
        return f1_score(self.precision, self.recall)

    def hypotheses(self, count: int) -> list[list[Hypothesis]]:
        """For every unit its `count` best labels, best first."""
        best = self.f1.topk(min(count, len(self.labels)), 0)
        return [
            [self._hypothesis(int(label), unit) for label in labels]
            for unit, labels in enumerate(best.indices.T)
        ]

    def _hypothesis(self, label: int, unit: int) -> Hypothesis:
        rates = self.precision[label, unit], self.recall[label, unit]
        return hypothesis(self.labels[label], *rates, self.occurrences[label])


def f1_score(precision: Tensor, recall: Tensor) -> Tensor:
    """The harmonic mean; 0 where both are."""
    return 2 * precision * recall / (precision + recall).clamp(min=1e-12)


def hypothesis(label: str, precision: Tensor, recall: Tensor, occurrences: Tensor) -> Hypothesis:
    """What a unit may stand for; of scalars."""

    def percent(rate: Tensor) -> float:
        return round(100 * float(rate), 2)

    return {
        "label": label,
        "f1": percent(f1_score(precision, recall)),
        "precision": percent(precision),
        "recall": percent(recall),
        "occurrences": int(occurrences),
    }


def detect_words(active: Tensor, spoken: Spoken) -> Detection:
    """Units at every frame of captions, bool [N, t, U], as detectors of what is said.

    Precision: the share of a unit's frames that lie in the word. Recall: the share of the word's
    occurrences with such a frame.
    """
    frames = spoken.sums(active.int()).float()  # [W, U], of W words

    def by_label(values: Tensor) -> Tensor:
        """Sums over the words of each label: [V, U]."""
        return values.new_zeros(len(spoken.labels), values.shape[1]).index_add(
            0, spoken.label, values
        )

    precision = by_label(frames) / active.sum((0, 1)).clamp(min=1)
    recall = by_label((frames > 0).float()) / spoken.occurrences[:, None].clamp(min=1)
    return Detection(spoken.labels, precision, recall, spoken.occurrences)


def f1_over_voices(
    active: Tensor,
    spoken: Spoken,
    voice: Tensor,
    labels: Sequence[int],
    resamples: int,
    seed: int,
) -> Estimate:
    """The mean over some labels of the best unit's F1 in percent, with its interval over voices.

    active, spoken: as in `detect_words`. voice [N]: the number of each caption's voice, from 0. The
    best units are those of all voices together, also where voices are resampled: among few captions
    another unit would be best by luck.
    """
    best = detect_words(active, spoken).f1.argmax(1)  # [V]
    voices, width = int(voice.max()) + 1, len(spoken.labels)
    place = voice[spoken.caption] * width + spoken.label  # [W]: of the word's voice and label
    frames = spoken.sums(active.int()).gather(1, best[spoken.label][:, None])[:, 0]

    def counted(values: Tensor) -> Tensor:
        return torch.bincount(place, values.double(), voices * width).view(voices, width)

    on = torch.zeros(voices, active.shape[2]).double().index_add(0, voice, active.sum(1).double())
    columns = counted(frames), on[:, best], counted(frames > 0), counted(torch.ones(len(spoken)))
    counts = torch.stack(columns, 1)[:, :, list(labels)].numpy()  # [voices, 4, L]

    def mean_f1(drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        return f1_of(counts[drawn].sum(-3))

    every = np.arange(voices)
    return estimate(float(mean_f1(every)), bootstrap(every, mean_f1, resamples, seed))


def f1_of(counts: np.ndarray) -> np.ndarray:
    """The mean F1 of labels that are said, in percent; 0 where none is.

    counts [..., 4, L]: frames of a unit in each label and in all, occurrences of each label with
    such a frame and all of them.
    """
    within, on, found, said = np.moveaxis(counts, -2, 0)
    precision, recall = within / np.maximum(on, 1), found / np.maximum(said, 1)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    return 100 * f1.sum(-1) / np.maximum((said > 0).sum(-1), 1)


def most_active(features: Tensor, share: float) -> Tensor:
    """Each unit's top share of cells or frames [M, U].

    A unit is never on at its least value: one that never fires would always be on.
    """
    return binarise(features, share) & (features > features.amin(0))


def active_frames(features: Tensor, valid: Tensor, share: float) -> Tensor:
    """Each unit's top share of the frames that count: bool [N, t, U].

    features [N, t, U]; valid [N, t]: which frames count.
    """
    active = torch.zeros(features.shape, dtype=torch.bool)
    active[valid] = most_active(features[valid], share)
    return active


def detect_values(
    active: Tensor,
    planes: np.ndarray,
    grid: Sequence[int],
    attributes: Mapping[str, Sequence[str]],
) -> Detection:
    """Units in every cell of pictures, bool [N·h·w, U], as detectors of what masks show.

    planes: uint8 [N, A, H, W] as scenes.masks.attribute_masks; grid: h, w. Precision and recall are
    of area: a cell counts for a value as far as it is covered by it. Occurrences are pictures.
    """
    parts = [
        value_masks(planes[at : at + PICTURES], attributes).float()
        for at in range(0, len(planes), PICTURES)
    ]
    height, width = grid
    shown = torch.cat([part.flatten(2).amax(2) for part in parts]).sum(0).long()
    # [N·h·w, V]
    cover = torch.cat(
        [
            F.adaptive_avg_pool2d(part, (height, width)).permute(0, 2, 3, 1).flatten(0, 2)
            for part in parts
        ]
    )
    both = cover.T @ active.float()
    precision = both / active.sum(0).clamp(min=1)
    recall = both / cover.sum(0)[:, None].clamp(min=1e-6)
    values = [value for named in attributes.values() for value in named]
    return Detection(values, precision, recall, shown)


def value_masks(planes: np.ndarray, attributes: Mapping[str, Sequence[str]]) -> Tensor:
    """Attribute masks uint8 [N, A, H, W] as one mask for each value: bool [N, V, H, W]."""
    codes = torch.from_numpy(np.array(planes))
    return torch.stack(
        [
            codes[:, number] == 1 + code
            for number, values in enumerate(attributes.values())
            for code in range(len(values))
        ],
        1,
    )


def ranked(detection: Detection) -> list[Detector]:
    """All units with their two best labels, the best detectors first; of equals, the first unit."""
    rows: list[Detector] = [
        {"unit": unit, "hypotheses": best} for unit, best in enumerate(detection.hypotheses(2))
    ]
    return sorted(rows, key=lambda row: (-row["hypotheses"][0]["f1"], row["unit"]))


def label_agreement(first: list[str], second: list[str]) -> tuple[float, float]:
    """Percent of clusters whose two labels are the same, and what random pairing would give."""
    matrix = np.array(first)[:, None] == np.array(second)[None]
    return round(100 * float(np.diag(matrix).mean()), 2), round(100 * float(matrix.mean()), 2)
