"""Impostors by hand; a picture and its own captions are never impostors of each other."""

from contextlib import nullcontext

import pytest
import torch

from wordbrush.davenet.mining import (
    HardMining,
    RandomMining,
    hardest_impostors,
    random_impostors,
)
from wordbrush.training.compute import running_ahead

DIAGONAL = torch.eye(3, dtype=torch.bool)


class Table:
    """Known scores."""

    def __init__(self, scores):
        self.scores = scores

    def all(self):
        return self.scores

    def of(self, pictures, utterances):
        return self.scores[pictures, utterances]


@pytest.mark.parametrize("how", [nullcontext, running_ahead])
def test_random_impostors_are_uniform_among_the_others(how):
    rng = torch.Generator().manual_seed(0)
    with how():
        drawn = torch.stack([random_impostors(5, rng) for _ in range(200)])
    assert all(set(drawn[:, n].tolist()) == set(range(5)) - {n} for n in range(5))


@pytest.mark.parametrize("how", [nullcontext, running_ahead])
def test_random_impostors_are_no_positives(how):
    rng, positives = torch.Generator().manual_seed(0), torch.eye(5, dtype=torch.bool)
    positives[:2, :2] = True  # captions 0 and 1 describe the same picture
    positives[4] = True  # and this picture fits them all
    with how():
        drawn = torch.stack([random_impostors(5, rng, positives) for _ in range(400)])
    assert set(drawn[:, 0].tolist()) == set(drawn[:, 1].tolist()) == {2, 3, 4}
    assert set(drawn[:, 2].tolist()) == {0, 1, 3, 4} and set(drawn[:, 4].tolist()) == {4}
    counts = drawn[:, 0].bincount(minlength=5)[2:]
    assert counts.sum() == 400 and (counts > 100).all()


def test_the_mask_of_the_diagonal_changes_no_draw():
    first, second = (torch.Generator().manual_seed(3) for _ in range(2))
    for _ in range(20):
        masked = random_impostors(7, second, torch.eye(7, dtype=torch.bool))
        assert torch.equal(random_impostors(7, first), masked)


def test_semi_hard_is_the_highest_below_the_pair_also_for_negative_scores():
    scores = torch.tensor([[-5.0, -9.0, -1.0], [-7.0, -6.0, -8.0], [-1.0, -2.0, -9.0]])
    semi_hard = hardest_impostors(scores, DIAGONAL, "semi-hard")
    # in the last row no score is below that of the true pair: its hardest impostor
    assert semi_hard.tolist() == [1, 0, 0]
    assert hardest_impostors(scores, DIAGONAL, "hard").tolist() == [2, 0, 0]


@pytest.mark.parametrize("kind", ["semi-hard", "hard"])
def test_a_positive_is_no_impostor_however_high_it_scores(kind):
    scores = torch.tensor([[5.0, 4.0, 1.0], [9.0, 5.0, 2.0], [3.0, 0.0, 5.0]])
    positives = DIAGONAL.clone()
    positives[0, 1] = positives[1, 0] = True
    assert hardest_impostors(scores, positives, kind).tolist() == [2, 2, 0]


@pytest.mark.parametrize("miner", [RandomMining(torch.Generator()), HardMining("hard")])
def test_triplets_are_the_matched_pairs_and_entries_of_their_row_and_column(miner):
    scores = torch.arange(9.0).view(3, 3)
    triplets = miner(Table(scores), DIAGONAL)
    assert triplets.matched.tolist() == [0, 4, 8]
    for n in range(3):
        assert triplets.audio[n] in scores[n] and triplets.image[n] in scores[:, n]
    assert not (triplets.audio == triplets.matched).any()
    assert not (triplets.image == triplets.matched).any()
