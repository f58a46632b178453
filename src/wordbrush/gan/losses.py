"""Losses of the two networks: Wasserstein with gradient penalty (K), or logistic with R1 (ours, for small budgets)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.params import Gan
from wordbrush.training.parallel import gather, shard, whole

Critic = Callable[[Tensor], Tensor]


def generator_loss(scores: Tensor, gan: Gan) -> Tensor:
    """Non-saturating logistic, or the negative critic."""
    return F.softplus(-scores).mean() if gan.loss == "logistic-r1" else -scores.mean()


def discriminator_loss(real: Tensor, fake: Tensor, gan: Gan) -> Tensor:
    """Logistic, or Wasserstein with K's drift term on the real scores."""
    if gan.loss == "logistic-r1":
        return F.softplus(-real).mean() + F.softplus(fake).mean()
    return fake.mean() - real.mean() + gan.drift_weight * real.square().mean()


def penalty(critic: Critic, real: Tensor, fake: Tensor, gan: Gan, rng: torch.Generator) -> Tensor:
    """R1 at real pictures (weight γ/2), or WGAN-GP between real and fake (weight λ), for the step it is applied to.

    Pictures are this process' part, the mean is of the whole batch.
    """
    if gan.loss == "logistic-r1":
        return gan.penalty_weight / 2 * gather(squared_gradient(critic, real)).mean()
    share = shard(torch.rand(whole(len(real)), 1, 1, 1, generator=rng)).to(real.device)
    norm = (gather(squared_gradient(critic, torch.lerp(real, fake, share))) + 1e-12).sqrt()
    return gan.penalty_weight * (norm - 1).square().mean()


def squared_gradient(critic: Critic, images: Tensor) -> Tensor:
    """‖∂critic/∂image‖² of each picture: [N]."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3))
