"""Ranks with ties, and with several captions for a picture."""

import numpy as np
import pytest
import torch

from wordbrush.data.manifest import Manifest
from wordbrush.davenet.retrieval import both_ways, ranks, recall
from wordbrush.evaluation.retrieval import ranks_of


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


def test_recall_with_five_captions_a_picture_is_that_of_a_written_out_loop():
    pictures, each = 7, 5
    order = np.random.default_rng(0).permutation(pictures * each)
    images = order // each  # the captions of a picture are not neighbours
    names = np.full(len(images), "test")
    manifest = Manifest(images, names, names, names)
    # Whole numbers, so that some scores are equal; a picture has one score with each caption.
    table = torch.from_numpy(np.random.default_rng(1).integers(0, 9, (pictures, len(images))))
    table[torch.from_numpy(images), torch.arange(len(images))] += 3
    table = table.float()

    of_pictures = []  # the best of a picture's own captions, among those of other pictures
    for picture in range(pictures):
        own = max(table[picture, c] for c in range(len(images)) if images[c] == picture)
        rivals = [c for c in range(len(images)) if images[c] != picture]
        of_pictures.append(1 + sum(bool(table[picture, c] >= own) for c in rivals))
    of_captions = []
    for caption, right in enumerate(images):
        rivals = [picture for picture in range(pictures) if picture != right]
        own = table[right, caption]
        of_captions.append(1 + sum(bool(table[picture, caption] >= own) for picture in rivals))

    found = ranks_of(table[torch.from_numpy(images)], manifest, np.arange(len(images)))
    assert found.tolist() == of_pictures + of_captions
    for k in (1, 5, 10):
        by_hand = [rank <= k for rank in of_pictures + of_captions]
        assert recall(found, k) == pytest.approx(100 * sum(by_hand) / len(by_hand))
