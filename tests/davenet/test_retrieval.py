"""Ranks with ties, and with several captions for a picture."""

import pytest
import torch

from wordbrush.davenet.retrieval import both_ways, ranks, recall


def test_ties_count_against_us():
    assert ranks(torch.ones(4, 4)).tolist() == [4, 4, 4, 4]
    scores = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [5.0, 4.0, 3.0]])
    assert ranks(scores).tolist() == [2, 1, 3]
    assert recall(ranks(scores), 1) == pytest.approx(100 / 3)
    assert len(both_ways(scores)) == 6
    assert ranks(torch.full((3, 3), float("nan"))).tolist() == [3, 3, 3]


def test_of_several_captions_of_a_picture_the_best_counts():
    scores = torch.tensor([[1.0, 5.0, 4.0], [2.0, 3.0, 0.0]])  # two pictures, three captions
    positives = torch.tensor([[True, False, True], [False, True, False]])
    assert ranks(scores, positives).tolist() == [2, 1]  # the other caption of picture 0 is no rival
    assert both_ways(scores, positives).tolist() == [2, 1, 2, 2, 1]
