"""Losses by hand; the schedule of levels; augmentation; distances; a repeatable training."""

import numpy as np
import pytest
import torch

from tests.devices import same_weights
from wordbrush.gan.augmentation import flipped, shifted
from wordbrush.gan.losses import LogisticR1, WassersteinGP, adversarial_loss, squared_gradient
from wordbrush.gan.schedule import Phase, Schedule, phases
from wordbrush.gan.swd import sliced_wasserstein
from wordbrush.gan.training import to_level, train, update_average


def test_gradient_penalty_of_a_linear_critic():
    weights = torch.randn(3, 4, 4)

    def critic(images):
        return (images * weights).sum((1, 2, 3))

    squared = squared_gradient(critic, torch.randn(5, 3, 4, 4))
    assert torch.allclose(squared, weights.square().sum().expand(5), rtol=1e-4)
    wanted = 10 * (weights.norm() - 1) ** 2
    assert torch.allclose(WassersteinGP(10.0, 0.0).penalty(squared), wanted, rtol=1e-4)
    assert torch.allclose(LogisticR1(3.0).penalty(squared), 1.5 * squared.mean())


def test_wasserstein_loss_with_drift(tiny):
    changes = {"loss": "wgan-gp", "drift_weight": 0.001}
    loss = adversarial_loss(tiny.gan.model_copy(update=changes))
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])
    assert loss.discriminator(real, fake).item() == pytest.approx(0.5 - 2.0 + 0.001 * 5.0)
    assert loss.generator(fake) == -0.5 and loss.interpolates


def test_logistic_loss_is_cross_entropy(tiny):
    loss = adversarial_loss(tiny.gan.model_copy(update={"loss": "logistic-r1"}))
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    ones, zeros = torch.ones(2), torch.zeros(2)
    assert torch.allclose(
        loss.discriminator(real, fake), entropy(real, ones) + entropy(fake, zeros)
    )
    assert torch.allclose(loss.generator(fake), entropy(fake, ones)) and not loss.interpolates


def test_phases_fade_in_every_level_but_the_first(tiny):
    gan = tiny.gan.model_copy(
        update={"stable_kimg": {4: 1.0, 8: 2.0}, "fade_kimg": {4: 9.0, 8: 0.5}}
    )
    assert phases(gan, 8) == [Phase(0, 1.0, False), Phase(1, 0.5, True), Phase(1, 2.0, False)]


def test_a_schedule_fades_and_enters_each_phase_once():
    plan = [Phase(0, 0.02, False), Phase(1, 0.04, True), Phase(1, 0.02, False)]
    schedule, seen, marks = Schedule(plan), [], 0
    while schedule.shown < schedule.total:
        entered = schedule.enter_phase()
        seen.append((schedule.level, round(schedule.fade, 6), entered))
        marks += schedule.show(10, 4)
    assert seen == [
        (0, 1.0, True),
        (0, 1.0, False),
        *((1, fade, fade == 0) for fade in (0.0, 0.25, 0.5, 0.75)),
        (1, 1.0, True),
        (1, 1.0, False),
    ]
    assert marks == 4


def test_shifts_repeat_the_edges_and_flips_mirror():
    images = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)
    moved = shifted(images, (torch.tensor([1, 0]), torch.tensor([1, 2])), 1)
    assert torch.equal(moved[0], images[0])  # at `reach`, nothing moves
    assert torch.equal(moved[1, :, 1:, :3], images[1, :, :3, 1:])
    assert torch.equal(moved[1, :, 0], moved[1, :, 1])
    assert torch.equal(moved[1, :, :, 3], moved[1, :, :, 2])
    mirrored = flipped(images, torch.tensor([True, False]))
    assert torch.equal(mirrored[0], images[0].flip(2)) and torch.equal(mirrored[1], images[1])


def test_real_pictures_blend_as_the_generator_does():
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(to_level(images, 2, 2, 1.0), images)
    assert to_level(images, 0, 2, 0.3).shape[-1] == 4
    flat = to_level(images, 2, 2, 0.0)
    assert torch.allclose(flat[:, :, 0, 0], images[:, :, :2, :2].mean((2, 3)), atol=1e-6)


def test_average():
    model, average = torch.nn.Linear(2, 1), torch.nn.Linear(2, 1)
    before = average.weight.clone()
    update_average(average, model, 0.9)
    assert torch.allclose(average.weight, 0.9 * before + 0.1 * model.weight)


def test_distance_is_zero_for_the_same_set_and_grows():
    images = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool2d(images, 5, 1, 2)
    assert sliced_wasserstein(images, images, 0) == [0.0, 0.0]
    near = sliced_wasserstein(images, torch.lerp(images, smooth, 0.3), 0)
    far = sliced_wasserstein(images, smooth, 0)
    assert 0 < near[0] < far[0]


def test_a_tiny_training_repeats_itself(tiny):
    images = np.random.default_rng(0).integers(0, 256, (32, 16, 16, 3), dtype=np.uint8)

    def weights():
        torch.manual_seed(3)
        average, history = train(tiny.gan, images, images.shape[1], 3, lambda generator: 0.0)
        assert len(history.curves) == len(history.grids) == tiny.gan.grids
        return average.state_dict()

    first, second = weights(), weights()
    assert same_weights(first, second)
