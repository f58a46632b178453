"""Losses against hand-made answers; the plan of levels; distances; a tiny training that repeats itself."""

import numpy as np
import torch

from wordbrush.gan import losses
from wordbrush.gan.swd import sliced_wasserstein
from wordbrush.gan.training import Phase, phases, to_level, train, update_average


def test_gradient_penalty_of_a_linear_critic(tiny):
    weights = torch.randn(3, 4, 4)

    def critic(images):
        return (images * weights).sum((1, 2, 3))

    real, fake = torch.randn(5, 3, 4, 4), torch.randn(5, 3, 4, 4)
    rng = torch.Generator().manual_seed(0)
    wgan = tiny.gan.model_copy(update={"loss": "wgan-gp", "penalty_weight": 10.0})
    wanted = 10 * (weights.norm() - 1) ** 2
    assert torch.allclose(losses.penalty(critic, real, fake, wgan, rng), wanted, rtol=1e-4)
    r1 = tiny.gan.model_copy(update={"loss": "logistic-r1", "penalty_weight": 3.0})
    assert torch.allclose(
        losses.penalty(critic, real, fake, r1, rng), 1.5 * weights.square().sum(), rtol=1e-4
    )


def test_wasserstein_loss_with_drift(tiny):
    gan = tiny.gan.model_copy(update={"loss": "wgan-gp", "drift_weight": 0.001})
    real, fake = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])
    assert torch.allclose(
        losses.discriminator_loss(real, fake, gan), torch.tensor(0.5 - 2.0 + 0.001 * 5.0)
    )
    assert losses.generator_loss(fake, gan) == -0.5


def test_phases_fade_in_every_level_but_the_first(tiny):
    gan = tiny.gan.model_copy(
        update={"stable_kimg": {4: 1.0, 8: 2.0}, "fade_kimg": {4: 9.0, 8: 0.5}}
    )
    assert phases(gan, 8) == [Phase(0, 1.0, False), Phase(1, 0.5, True), Phase(1, 2.0, False)]


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
        average, history = train(tiny.gan, images, 3, lambda generator: 0.0)
        assert len(history.curves) == len(history.grids) == tiny.gan.grids
        return average.state_dict()

    first, second = weights(), weights()
    assert all(torch.equal(first[name], second[name]) for name in first)
