"""Blocks of drawn pictures, and groups that stay whole."""

import numpy as np
import pytest

from wordbrush.data.splits import split_by_group, split_ranges
from wordbrush.errors import WordbrushError

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}


def test_blocks_follow_one_another(tiny):
    ranges = list(split_ranges(tiny.samples).values())
    assert ranges[0].start == 0
    assert all(one.stop == other.start for one, other in zip(ranges, ranges[1:], strict=False))


@pytest.mark.parametrize("count", [3, 10, 101])
def test_no_picture_and_no_speaker_lies_in_two_splits(count):
    groups = np.random.default_rng(0).permutation(np.repeat(np.arange(count), 5))
    splits = split_by_group(groups, SHARES, seed=1)
    homes = [set(splits[groups == group]) for group in range(count)]
    assert all(len(home) == 1 for home in homes)
    sizes = {name: sum(home == {name} for home in homes) for name in SHARES}
    assert min(sizes.values()) >= 1 and sum(sizes.values()) == count
    assert all(abs(sizes[name] - share * count) <= 2 for name, share in SHARES.items())


def test_names_are_groups_too_and_the_seed_decides():
    speakers = np.array(["ann", "bob", "cem", "dia", "eve", "fay"] * 3)
    first, second = (split_by_group(speakers, SHARES, seed) for seed in (1, 2))
    assert (first == split_by_group(speakers, SHARES, 1)).all() and (first != second).any()
    assert set(first) == set(SHARES)


def test_too_few_groups_are_refused():
    with pytest.raises(WordbrushError, match="2 group"):
        split_by_group(np.array([1, 1, 2]), SHARES, 0)
