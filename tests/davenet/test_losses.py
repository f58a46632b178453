"""The losses against loops and PyTorch's cross entropy."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from wordbrush.davenet.losses import (
    EditedScores,
    Hinge,
    Logistic,
    TripletScores,
    batch_softmax,
    gain_loss,
    hardest_of_both,
    ranking_loss,
    twin_loss,
)

RNG = torch.Generator().manual_seed(0)
DIAGONAL = torch.eye(4, dtype=torch.bool)


def triplets_of(count: int) -> TripletScores:
    return TripletScores(*torch.randn(3, count, dtype=torch.float64, generator=RNG))


def test_the_margin_loss_against_a_loop():
    triplets, total = triplets_of(6), 0.0
    for matched, audio, image in zip(triplets.matched, triplets.audio, triplets.image, strict=True):
        total += max(float(audio - matched) + 1, 0) + max(float(image - matched) + 1, 0)
    assert ranking_loss(triplets, Hinge(1.0)).item() == pytest.approx(total / 6)


def test_the_logistic_loss_is_a_softmax_over_two():
    triplets, edited = triplets_of(4), torch.randn(4, dtype=torch.float64, generator=RNG)
    valid = torch.tensor([True, True, False, True])

    def against(impostor):
        pair = torch.stack([triplets.matched, impostor], 1) / 0.5
        return cross_entropy(pair, torch.zeros(4, dtype=torch.long), reduction="none")

    of_edits = 0.3 * against(edited) * valid
    wanted = (against(triplets.audio) + against(triplets.image) + of_edits).mean()
    edits = EditedScores(edited - triplets.matched, valid)
    assert torch.allclose(ranking_loss(triplets, Logistic(0.5), edits, 0.3), wanted)


def test_edits_join_as_the_hardest_of_both_or_as_a_term_of_their_own():
    triplets = TripletScores(*torch.tensor([[2.0, 2.0], [0.0, 1.0], [1.0, 0.0]]))
    edits = EditedScores(torch.tensor([1.0, 7.0]), torch.tensor([True, False]))
    plain = ranking_loss(triplets, Hinge(1.0)).item()
    # pair 0: the impostor picture gives 0, the edited one 2; the second edit is not valid
    hardest = ranking_loss(hardest_of_both(triplets, edits), Hinge(1.0))
    assert hardest.item() == pytest.approx(plain + 2.0 / 2)
    term = ranking_loss(triplets, Hinge(1.0), edits, 0.5)
    assert term.item() == pytest.approx(plain + 0.5 * 2.0 / 2)


def test_the_donor_s_utterance_must_gain():
    valid, gain = torch.tensor([True, False, True]), torch.tensor([0.25, -4.0, 9.0])
    # the others exceed the margin, or have no edit
    assert gain_loss(gain, valid, Hinge(1.0), 0.5).item() == pytest.approx(0.5 * 0.75 / 3)
    soft = 0.5 * sum(math.log1p(math.exp(-one / 2)) for one in (0.25, 9.0)) / 3
    assert gain_loss(gain, valid, Logistic(2.0), 0.5).item() == pytest.approx(soft)


def test_softmax_is_cross_entropy_both_ways():
    scores, truth = torch.randn(4, 4, generator=RNG), torch.arange(4)
    wanted = cross_entropy(scores / 0.5, truth) + cross_entropy(scores.T / 0.5, truth)
    assert torch.allclose(batch_softmax(scores, DIAGONAL, 0.5), wanted)
    none = EditedScores(torch.full((4,), 50.0), torch.zeros(4, dtype=torch.bool))
    assert torch.allclose(batch_softmax(scores, DIAGONAL, 0.5, none), wanted)
    edits = EditedScores(torch.zeros(4), torch.ones(4, dtype=torch.bool))
    assert batch_softmax(scores, DIAGONAL, 0.5, edits) > wanted


def test_softmax_leaves_other_positives_out():
    scores, positives = torch.randn(4, 4, generator=RNG), DIAGONAL.clone()
    positives[0, 1] = positives[1, 0] = True
    higher = scores.clone()
    higher[0, 1] = higher[1, 0] = 99.0
    assert torch.equal(batch_softmax(scores, positives, 1.0), batch_softmax(higher, positives, 1.0))
    truth, total = torch.arange(4), 0.0
    for one, mask in ((scores, positives), (scores.T, positives.T)):
        kept = one.masked_fill(mask & ~DIAGONAL, -torch.inf)
        total += cross_entropy(kept, truth)
    assert torch.allclose(batch_softmax(scores, positives, 1.0), total)


def test_edited_pictures_may_be_impostors_of_all_captions():
    """Two edited pictures; the second is no impostor of utterance 0, and nothing is of utterance
    2."""
    triplets = TripletScores(*torch.tensor([[2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    others = torch.tensor([[1.5, 3.0, -torch.inf], [-torch.inf, 0.0, -torch.inf]])
    none = torch.zeros(3, dtype=torch.bool)
    edits = EditedScores(torch.full((3,), 50.0), none, others=others.requires_grad_())
    plain = ranking_loss(triplets, Hinge(1.0)).item()
    term = ranking_loss(triplets, Hinge(1.0), edits, 0.5)
    assert term.item() == pytest.approx(plain + 0.5 * (0.5 + (2.0 + 0.0) / 2) / 3)
    hardest = ranking_loss(hardest_of_both(triplets, edits), Hinge(1.0))
    assert hardest.item() == pytest.approx(plain + (0.5 + 2.0) / 3)
    (gradient,) = torch.autograd.grad(term, others)
    assert gradient.isfinite().all() and gradient[0, 0] > 0 and not gradient[1, 0]


def test_softmax_over_edited_pictures_of_others():
    scores, others = torch.randn(4, 4, generator=RNG), torch.randn(2, 4, generator=RNG)
    others[0, 1] = others[1, 2] = -torch.inf
    edits = EditedScores(torch.zeros(4), torch.zeros(4, dtype=torch.bool), others=others)
    truth = torch.arange(4)
    pictures = torch.cat([scores.T, others.T], 1) / 0.5
    pictures[:, 4:] += math.log(0.25)
    wanted = cross_entropy(scores / 0.5, truth) + cross_entropy(pictures, truth)
    assert torch.allclose(batch_softmax(scores, DIAGONAL, 0.5, edits, 0.25), wanted)


@pytest.mark.parametrize("surrogate", [Hinge(1.0), Logistic(0.5)])
def test_a_drawing_and_its_twin_are_each_other_s_impostors_both_ways(surrogate):
    scores = torch.randn(5, 2, 2, generator=torch.Generator().manual_seed(4))
    certainty = torch.tensor([1.0, 0.9, 0.95, 0.0, 0.99])
    rows = []
    for pair, sure in zip(scores, certainty, strict=True):
        for own in range(2):
            other, matched = 1 - own, pair[own, own]
            rows.append(
                sure * surrogate(pair[own, other] - matched)  # its picture with the other's words
                + sure * surrogate(pair[other, own] - matched)  # its words with the other's picture
            )
    found = twin_loss(scores, certainty, surrogate)
    assert found.item() == pytest.approx(sum(rows).item() / len(rows), rel=1e-5)
