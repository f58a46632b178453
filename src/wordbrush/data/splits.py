"""How samples divide into train, validation and test: by blocks, or by groups that stay whole."""

from collections.abc import Mapping

import numpy as np

from wordbrush.errors import WordbrushError
from wordbrush.params import Samples

TRAIN = "train"
CAPTIONED = (TRAIN, "validation", "test")
UNHEARD = "unheard"  # captions that training does not hear, of pictures that it sees


def split_ranges(samples: Samples) -> dict[str, range]:
    """The numbers of the drawn pictures of each split: one array, four consecutive blocks.

    `train`, `validation` and `test` have captions; `semantic` has pictures alone.
    """
    ranges, start = {}, 0
    for name in (*CAPTIONED, "semantic"):
        stop = start + getattr(samples, name)
        ranges[name], start = range(start, stop), stop
    return ranges


def captioned_count(samples: Samples) -> int:
    """Pictures that get a caption: they come first."""
    return split_ranges(samples)["test"].stop


def split_by_group(groups: np.ndarray, shares: Mapping[str, float], seed: int) -> np.ndarray:
    """A split for each row [N], so that the rows of one group lie in one split: str [N].

    groups: the picture or the speaker of each row [N]. shares: of the groups, by split; they add
    up to 1. Of the shuffled groups every split takes its share, rounded, and at least one.

    Raises WordbrushError where there are fewer groups than splits.
    """
    distinct, numbers = np.unique(groups, return_inverse=True)
    if len(distinct) < len(shares):
        raise WordbrushError(
            f"{len(distinct)} group(s) cannot be divided into {', '.join(shares)}: each needs one."
        )
    spare = len(distinct) - len(shares)
    ends = np.round(np.cumsum(list(shares.values())) * spare).astype(int)
    ends += np.arange(1, len(shares) + 1)
    order = np.random.default_rng(seed).permutation(len(distinct))
    split_of_group = np.empty(len(distinct), dtype=object)
    for name, start, stop in zip(shares, [0, *ends[:-1]], ends, strict=True):
        split_of_group[order[start:stop]] = name
    return split_of_group[numbers].astype(np.str_)
