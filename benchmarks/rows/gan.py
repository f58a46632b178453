"""The GAN: a step of both networks, and drawing samples."""

from collections.abc import Iterator

import torch

from benchmarks.bench import Bench, Line, Target
from benchmarks.peers import Peers
from benchmarks.timing import Work
from wordbrush.gan.networks import Generator, GeneratorConfig, resolutions
from wordbrush.gan.sampling import LATENTS, draw
from wordbrush.gan.training import Trainer
from wordbrush.params import Gan
from wordbrush.training.compute import device

# Karras' settings (K), as pytorch_GAN_zoo has them.
WGAN_GP = {
    "loss": "wgan-gp",
    "penalty_weight": 10.0,
    "penalty_every": 1,
    "drift_weight": 0.001,
    "augment_shift": 0.0,
    "augment_flip": False,
}
DRAWN = 512


def gan_step(bench: Bench) -> Iterator[Line]:
    """A step of both networks with WGAN-GP.

    Widths and batches are those of the demo (32×32) and of `small` (64×64).
    """
    for preset in (None, "small"):
        params = bench.params(preset)
        size = params.scenes.resolution
        gan = params.gan.model_copy(update=WGAN_GP)
        batch = gan.batch_sizes[size]
        real = (
            torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
            .mul(2)
            .sub(1)
            .to(device())
        )
        yield from bench.compare(
            f"ProGAN step, WGAN-GP, {size}×{size}, batch {batch}",
            our_step(gan, size, real),
            published_step(bench.peers, gan, size, real),
            bench.peers.title("gan_zoo", "its step"),
            Target(1.5),
            memory=True,
            units=batch,
        )


def demo_gan_step(bench: Bench) -> Iterator[Line]:
    """Steps as in the demo: logistic loss, with the penalty in one step of `penalty_every`."""
    params = bench.params()
    size, batch = params.scenes.resolution, params.gan.batch_sizes[params.scenes.resolution]
    real = (
        torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
        .mul(2)
        .sub(1)
        .to(device())
    )
    one = our_step(params.gan, size, real)

    def cycle() -> None:
        for _ in range(params.gan.penalty_every):
            one()

    work, units = (
        f"{params.gan.penalty_every} GAN steps of the demo",
        batch * params.gan.penalty_every,
    )
    yield from bench.compare(f"{work}, float32, batch {batch}", cycle, units=units)
    yield from bench.compare(
        f"{work}, batch {batch}",
        cycle,
        cycle,
        "in float32",
        published=False,
        units=units,
        precision=params.precision,
    )


def our_step(gan: Gan, size: int, real: torch.Tensor) -> Work:
    trainer = Trainer(gan, size, seed=0)

    def step() -> None:
        trainer.step(real, trainer.top, 1.0)
        if trainer.watch.due:
            trainer.losses()

    return step


def published_step(peers: Peers, gan: Gan, size: int, real: torch.Tensor) -> Work | None:
    peer = peers.load("gan_zoo")
    if peer is None:
        return None
    widths = [gan.channels[level] for level in resolutions(size)]
    network = peer.ProgressiveGan(
        gan.latent_dim,
        widths[0],
        miniBatchStdDev=True,
        lossMode="WGANGP",
        lambdaGP=gan.penalty_weight,
        epsilonD=gan.drift_weight,
        baseLearningRate=gan.learning_rate,
    )
    for width in widths[1:]:
        network.addScale(width)
    return lambda: network.optimizeParameters(real)


def sampling(bench: Bench) -> Iterator[Line]:
    """Pictures drawn as the stage sample-images draws them."""
    for preset in (None, "small"):
        gan, size = bench.params(preset).gan, bench.params(preset).scenes.resolution
        generator = (
            Generator(GeneratorConfig.of(gan, size))
            .to(device(), memory_format=torch.channels_last)
            .eval()
        )
        latents = torch.randn(DRAWN, gan.latent_dim, generator=torch.Generator().manual_seed(0))
        yield from bench.compare(
            f"drawing {DRAWN} samples of {size}×{size}", drawing(generator, latents), units=DRAWN
        )


def drawing(generator: Generator, latents: torch.Tensor) -> Work:
    return lambda: draw(generator, latents, LATENTS)
