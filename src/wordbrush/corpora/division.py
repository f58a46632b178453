"""Splits for sources that have none: by pictures, by speakers, or by both.

What shares a recording stays together: volunteers say one word for a flower in three colours, and a
test on one of them would ask for what training heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from wordbrush.corpora.records import Utterance
from wordbrush.data.splits import CAPTIONED, split_by_group
from wordbrush.errors import WordbrushError, optional_packages

with optional_packages():
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

By = Literal["picture", "speaker", "both"]


@dataclass(frozen=True)
class Division:
    """How utterances are divided.

    by: what lies in one split alone, beside every recording. Of `both`, an utterance is kept where
    its picture and its speaker fall into the same split. validation, test: shares of the pictures
    or speakers; those that share a recording count as one.
    """

    by: By
    validation: float
    test: float
    seed: int

    @property
    def shares(self) -> dict[str, float]:
        """Of each split. Raises WordbrushError where they leave nothing for training."""
        if min(self.validation, self.test) < 0 or self.validation + self.test >= 1:
            raise WordbrushError(
                f"shares of {self.validation:g} for validation and {self.test:g} for test leave "
                "nothing to train on: give less."
            )
        train = 1 - self.validation - self.test
        return dict(zip(CAPTIONED, (train, self.validation, self.test), strict=True))


def divided(
    utterances: Sequence[Utterance],
    images: Sequence[int],
    sounds: Sequence[str],
    division: Division,
) -> dict[str, str]:
    """The split of each utterance, by its id; empty where picture and speaker disagree.

    images: the number of each utterance's picture. sounds: the hash of its recording. An utterance
    of an unknown speaker counts as a speaker's of its own. Fewer pictures or speakers than splits
    are all for training.
    """
    speakers = [one.speaker or f"\n{number}" for number, one in enumerate(utterances)]
    groups = {"picture": np.array(images), "speaker": np.array(speakers)}
    chosen = list(groups) if division.by == "both" else [division.by]
    recordings = np.array(sounds)
    found = [_split(_joined(groups[name], recordings), division) for name in chosen]
    agree = [splits[0] if len(set(splits)) == 1 else "" for splits in zip(*found, strict=True)]
    return {one.id: split for one, split in zip(utterances, agree, strict=True)}


def _joined(groups: np.ndarray, recordings: np.ndarray) -> np.ndarray:
    """A number for each row [N], the same where groups [N] share recordings [N], directly or by
    others; in the order of the groups' names."""
    _, owners = np.unique(groups, return_inverse=True)
    _, sounds = np.unique(recordings, return_inverse=True)
    count = owners.max(initial=-1) + 1
    size = count + sounds.max(initial=-1) + 1
    shares = coo_array((np.ones(len(owners)), (owners, count + sounds)), (size, size))
    _, clusters = connected_components(shares, directed=False)
    first = np.full(size, size)
    np.minimum.at(first, clusters[:count], np.arange(count))
    return first[clusters[owners]]


def _split(groups: np.ndarray, division: Division) -> list[str]:
    shares = {split: share for split, share in division.shares.items() if share}
    if len(np.unique(groups)) < len(shares):
        return [CAPTIONED[0]] * len(groups)
    return split_by_group(groups, shares, division.seed).tolist()
