"""Which loss and which negative mining the parameters choose."""

import pytest
import torch

from tests.davenet.test_mining import Table
from wordbrush.davenet.losses import (
    EditedScores,
    Hinge,
    Logistic,
    batch_softmax,
    gain_loss,
    hardest_of_both,
    ranking_loss,
    twin_loss,
)
from wordbrush.davenet.mining import HardMining, RandomMining
from wordbrush.davenet.objective import TwinContest, make_curriculum

COUNT, SEED = 6, 5
POSITIVES = torch.eye(COUNT, dtype=torch.bool)
POSITIVES[0, 1] = POSITIVES[1, 0] = True


@pytest.fixture
def scores():
    return torch.randn(COUNT, COUNT, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def edits():
    rng = torch.Generator().manual_seed(2)
    valid = torch.tensor([True, False, True, True, True, False])
    return EditedScores(*torch.randn(1, COUNT, generator=rng), valid)


def curriculum(tiny, loss, mining):
    davenet = tiny.davenet.model_copy(update={"loss": loss, "margin": 1.0, "temperature": 0.5})
    stage = tiny.schedule.random_edits.model_copy(update={"warmup_steps": 3, "edit_weight": 0.25})
    return make_curriculum(davenet, stage, mining, torch.Generator().manual_seed(SEED))


def triplets(scores, miner):
    return miner(Table(scores), POSITIVES)


def random_triplets(scores):
    return triplets(scores, RandomMining(torch.Generator().manual_seed(SEED)))


@pytest.mark.parametrize("mining", ["random", "semi-hard", "hard"])
@pytest.mark.parametrize("loss", ["margin", "softmax"])
def test_the_warm_up_has_random_impostors(tiny, scores, edits, loss, mining):
    surrogate = Hinge(1.0) if loss == "margin" else Logistic(0.5)
    found = curriculum(tiny, loss, mining).at(3)(Table(scores), POSITIVES, edits)
    assert torch.equal(found, ranking_loss(random_triplets(scores), surrogate, edits, 0.25))


def test_after_the_warm_up_the_parameters_choose(tiny, scores, edits):
    hard, semi_hard = (triplets(scores, HardMining(kind)) for kind in ("hard", "semi-hard"))
    wanted = {
        ("margin", "random"): ranking_loss(random_triplets(scores), Hinge(1.0), edits, 0.25),
        ("margin", "semi-hard"): ranking_loss(semi_hard, Hinge(1.0), edits, 0.25),
        ("margin", "hard"): ranking_loss(hardest_of_both(hard, edits), Hinge(1.0)),
        ("softmax", "random"): ranking_loss(random_triplets(scores), Logistic(0.5), edits, 0.25),
        ("softmax", "semi-hard"): ranking_loss(semi_hard, Logistic(0.5), edits, 0.25),
        ("softmax", "hard"): batch_softmax(scores, POSITIVES, 0.5, edits, 0.25),
    }
    for chosen, loss in wanted.items():
        found = curriculum(tiny, *chosen).at(4)(Table(scores), POSITIVES, edits)
        assert torch.equal(found, loss), chosen
    assert len({round(float(loss), 5) for loss in wanted.values()}) == len(wanted)


@pytest.mark.parametrize("mining", ["random", "hard"])
@pytest.mark.parametrize("loss", ["margin", "softmax"])
def test_gains_of_transplants_are_added(tiny, scores, edits, loss, mining):
    gain = torch.randn(COUNT, generator=torch.Generator().manual_seed(3))
    gaining = EditedScores(edits.excess, edits.valid, gain)
    with_gain, without = (
        curriculum(tiny, loss, mining).at(4)(Table(scores), POSITIVES, one)
        for one in (gaining, edits)
    )
    surrogate = Hinge(1.0) if loss == "margin" else Logistic(0.5)
    added = gain_loss(gain, edits.valid, surrogate, 0.25)
    assert torch.allclose(with_gain - without, added, atol=1e-6)


def test_a_twin_s_contest_reads_the_scores_of_its_pair(scores):
    drawings, twins = torch.tensor([2, 4]), torch.tensor([3, 5])
    certainty = torch.tensor([1.0, 0.9])
    contest = TwinContest(Logistic(0.5), 2.0, drawings, twins)
    pairs = [scores[[[a, a], [b, b]], [[a, b], [a, b]]] for a, b in ((2, 3), (4, 5))]
    wanted = 2 * twin_loss(torch.stack(pairs), certainty, Logistic(0.5))
    assert torch.equal(contest(Table(scores), certainty), wanted)
