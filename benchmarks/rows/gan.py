"""The GAN: a step of both networks, and drawing samples."""

from collections.abc import Iterator

import torch

from benchmarks.bench import Bench, Line, Target
from benchmarks.peers import Peers
from benchmarks.timing import Work
from wordbrush.gan.networks import Generator, GeneratorConfig, resolutions
from wordbrush.gan.sampling import LATENTS, draw
from wordbrush.gan.training import Trainer
from wordbrush.params import Gan, Params
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
        ours, baseline = wgan_gp_step(params), published_wgan_gp_step(bench.peers, params)
        size = params.scenes.resolution
        batch = params.gan.batch_sizes[size]
        yield from bench.compare(
            f"ProGAN step, WGAN-GP, {size}×{size}, batch {batch}",
            ours,
            baseline,
            bench.peers.title("gan_zoo", "its step"),
            Target(1.5),
            memory=True,
            units=batch,
        )


def wgan_gp_step(params: Params) -> Work:
    """A step with K's loss."""
    return our_step(*wgan_gp_inputs(params))


def published_wgan_gp_step(peers: Peers, params: Params) -> Work | None:
    """pytorch_GAN_zoo's of the same pictures, if that is there."""
    return published_step(peers, *wgan_gp_inputs(params))


def wgan_gp_inputs(params: Params) -> tuple[Gan, int, torch.Tensor]:
    """Networks, side and a batch of pictures."""
    gan, size = params.gan.model_copy(update=WGAN_GP), params.scenes.resolution
    return gan, size, some_pictures(gan.batch_sizes[size], size)


def some_pictures(batch: int, size: int) -> torch.Tensor:
    """Noise in [-1, 1]: [batch, 3, size, size]."""
    pictures = torch.rand(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    return pictures.mul(2).sub(1).to(device())


def demo_gan_step(bench: Bench) -> Iterator[Line]:
    """Steps as in the demo: logistic loss, with the penalty in one step of `penalty_every`."""
    params = bench.params()
    size = params.scenes.resolution
    batch = params.gan.batch_sizes[size]
    one = our_step(params.gan, size, some_pictures(batch, size))

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
