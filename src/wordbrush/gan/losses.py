"""Adversarial losses: Wasserstein with gradient penalty (K), or logistic with R1 (ours).

Ours is one pass of the discriminator cheaper, and steadier where pictures are few.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.params import Gan

Critic = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class LogisticR1:
    """Non-saturating logistic loss; the gradient is penalised at real pictures (weight γ/2)."""

    penalty_weight: float
    interpolates: ClassVar[bool] = False  # where the gradient is penalised

    def generator(self, fake: Tensor) -> Tensor:
        """Of the scores [N] of drawings."""
        return F.softplus(-fake).mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Of the scores [N] of real pictures and drawings."""
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def penalty(self, squared: Tensor) -> Tensor:
        """Of the squared gradients [N] at real pictures."""
        return self.penalty_weight / 2 * squared.mean()


@dataclass(frozen=True)
class WassersteinGP:
    """The critic's difference, with K's drift term on the real scores.

    The gradient is penalised between real pictures and drawings (weight λ).
    """

    penalty_weight: float
    drift_weight: float
    interpolates: ClassVar[bool] = True

    def generator(self, fake: Tensor) -> Tensor:
        """Of the scores [N] of drawings."""
        return -fake.mean()

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Of the scores [N] of real pictures and drawings."""
        return fake.mean() - real.mean() + self.drift_weight * real.square().mean()

    def penalty(self, squared: Tensor) -> Tensor:
        """Of the squared gradients [N] at pictures between the real ones and the drawings."""
        return self.penalty_weight * ((squared + 1e-12).sqrt() - 1).square().mean()


AdversarialLoss = LogisticR1 | WassersteinGP


def adversarial_loss(gan: Gan) -> AdversarialLoss:
    """The loss that the parameters name."""
    if gan.loss == "logistic-r1":
        return LogisticR1(gan.penalty_weight)
    return WassersteinGP(gan.penalty_weight, gan.drift_weight)


def squared_gradient(critic: Critic, images: Tensor) -> Tensor:
    """‖∂critic/∂image‖² of each picture: [N]."""
    images = images.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(images).sum(), images, create_graph=True)
    return gradient.square().sum((1, 2, 3))
