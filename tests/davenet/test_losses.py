"""Ranking losses against loops, mining by hand, edited negatives, and ranks under ties."""

import math

import pytest
import torch

from wordbrush.davenet.losses import (
    EditedScores,
    batch_softmax,
    hardest_impostors,
    logistic_ranking,
    margin_ranking,
    mine,
    random_impostors,
)
from wordbrush.davenet.retrieval import both_ways, ranks, recall

RNG = torch.Generator().manual_seed(0)


def hinge(impostor, matched, margin=1.0):
    return max(impostor - matched + margin, 0.0)


def test_hard_margin_against_a_loop():
    scores = torch.randn(6, 6, dtype=torch.float64, generator=RNG)
    total = 0.0
    for n in range(6):
        others = [m for m in range(6) if m != n]
        total += hinge(max(scores[n, m].item() for m in others), scores[n, n].item())
        total += hinge(max(scores[m, n].item() for m in others), scores[n, n].item())
    assert margin_ranking(mine(scores, "hard"), "hard", 1.0).item() == pytest.approx(total / 6)


def test_random_impostors_are_never_the_pair_itself():
    drawn = torch.stack([random_impostors(5, RNG) for _ in range(200)])
    assert not (drawn == torch.arange(5)).any()
    assert all(set(drawn[:, n].tolist()) == set(range(5)) - {n} for n in range(5))


def test_semi_hard_is_the_highest_below_the_pair_also_for_negative_scores():
    scores = torch.tensor([[-5.0, -9.0, -1.0], [-7.0, -6.0, -8.0], [-1.0, -2.0, -9.0]])
    assert hardest_impostors(scores, "semi-hard").tolist() == [
        1,
        0,
        0,
    ]  # the last row has none below: its hardest
    assert hardest_impostors(scores, "hard").tolist() == [2, 0, 0]


def test_edits_join_as_the_hardest_of_both_or_as_a_term_of_their_own():
    scores = torch.tensor([[2.0, 0.0], [1.0, 2.0]])
    edits = EditedScores(
        torch.tensor([1.0, 7.0]), torch.tensor([True, False])
    )  # above the matched 2
    triplets = mine(scores, "hard")
    plain = margin_ranking(triplets, "hard", 1.0).item()
    # utterance 0: picture impostor 1.0 gives 0, the edit gives 2; the second edit is not valid
    assert margin_ranking(triplets, "hard", 1.0, edits).item() == pytest.approx(plain + 2.0 / 2)
    own = margin_ranking(triplets, "random", 1.0, edits, 0.5).item()
    assert own == pytest.approx(plain + 0.5 * 2.0 / 2)


def test_the_donor_s_utterance_must_gain():
    scores, gain = torch.randn(3, 3, generator=RNG), torch.tensor([0.25, -4.0, 9.0])
    edits = EditedScores(
        torch.full((3,), -50.0), torch.tensor([True, False, True])
    )  # whose own utterances lose enough
    triplets = mine(scores, "hard")
    gains = EditedScores(edits.excess, edits.valid, gain)
    margins = margin_ranking(triplets, "random", 1.0, gains, 0.5) - margin_ranking(
        triplets, "random", 1.0, edits, 0.5
    )
    assert margins.item() == pytest.approx(
        0.5 * 0.75 / 3, abs=1e-6
    )  # the others gain enough, or have no edit
    soft = 0.5 * sum(math.log1p(math.exp(-one / 2)) for one in (0.25, 9.0)) / 3
    for loss, matched in ((logistic_ranking, triplets), (batch_softmax, scores)):
        assert (
            loss(matched, 2.0, gains, 0.5) - loss(matched, 2.0, edits, 0.5)
        ).item() == pytest.approx(soft, abs=1e-5)


def test_the_logistic_loss_is_a_softmax_over_two():
    scores, edited = torch.randn(4, 4, generator=RNG), torch.randn(4, generator=RNG)
    valid = torch.tensor([True, True, False, True])
    triplets = mine(scores, "semi-hard")

    def against(impostor):
        pair = torch.stack([triplets.matched, impostor], 1) / 0.5
        return torch.nn.functional.cross_entropy(
            pair, torch.zeros(4, dtype=torch.long), reduction="none"
        )

    wanted = (
        against(triplets.audio) + against(triplets.image) + 0.3 * against(edited) * valid
    ).mean()
    assert torch.allclose(
        logistic_ranking(triplets, 0.5, EditedScores(edited - triplets.matched, valid), 0.3), wanted
    )


def test_softmax_is_cross_entropy_both_ways():
    scores = torch.randn(4, 4, generator=RNG)
    truth = torch.arange(4)
    wanted = torch.nn.functional.cross_entropy(
        scores / 0.5, truth
    ) + torch.nn.functional.cross_entropy(scores.T / 0.5, truth)
    assert torch.allclose(batch_softmax(scores, 0.5), wanted)
    nothing = batch_softmax(
        scores, 0.5, EditedScores(torch.full((4,), 50.0), torch.zeros(4, dtype=torch.bool))
    )
    assert torch.allclose(nothing, wanted)
    assert (
        batch_softmax(scores, 0.5, EditedScores(torch.zeros(4), torch.ones(4, dtype=torch.bool)))
        > wanted
    )


def test_ties_count_against_us():
    assert ranks(torch.ones(4, 4)).tolist() == [4, 4, 4, 4]
    scores = torch.tensor([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0], [5.0, 4.0, 3.0]])
    assert ranks(scores).tolist() == [2, 1, 3]
    assert recall(ranks(scores), 1) == pytest.approx(100 / 3)
    assert len(both_ways(scores)) == 6
    assert ranks(torch.full((3, 3), float("nan"))).tolist() == [3, 3, 3]
