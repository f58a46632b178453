"""Progressive training: every level is faded in, then held; progress is counted in thousands of real pictures (kimg)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import to_images, to_uint8
from wordbrush.gan import losses
from wordbrush.gan.networks import (
    Discriminator,
    Generator,
    GeneratorConfig,
    double,
    halve,
    resolutions,
)
from wordbrush.params import Gan
from wordbrush.telemetry.metrics import waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import (
    device,
    mixed_precision,
    require_device_memory,
    require_finite,
    training_bytes,
)
from wordbrush.training.parallel import backward, gather, on_main, part, shard, whole
from wordbrush.training.signals import finishing_steps

CURVES = ("kimg", "resolution", "fade", "generator_loss", "discriminator_loss")
GRID = 8  # sample grids are GRID × GRID pictures


@dataclass(frozen=True)
class Phase:
    """A stretch of training at one level: fading in from 0 to 1, or stable at 1."""

    level: int
    kimg: float
    fading: bool


def phases(gan: Gan, resolution: int) -> list[Phase]:
    """K: stable at 4×4, then fade and stable for every further level."""
    plan = []
    for level, size in enumerate(resolutions(resolution)):
        plan += [Phase(level, gan.fade_kimg[size], True)] if level else []
        plan += [Phase(level, gan.stable_kimg[size], False)]
    return [phase for phase in plan if phase.kimg > 0]


class RealBatches:
    """Endless shuffled batches in [-1, 1]; a short rest is carried into the next shuffle."""

    def __init__(self, images: np.ndarray, rng: torch.Generator):
        self.images, self.rng = images, rng
        self.restart()

    def restart(self) -> None:
        self.order = torch.empty(0, dtype=torch.long)

    @waiting_for_data()
    def draw(self, batch: int) -> Tensor:
        """This process' part of a whole batch: [batch / processes, 3, H, W]"""
        while len(self.order) < batch:
            self.order = torch.cat(
                [self.order, torch.randperm(len(self.images), generator=self.rng)]
            )
        drawn, self.order = self.order[:batch], self.order[batch:]
        return to_images(self.images[shard(drawn).numpy()]).to(device())

    def state_dict(self) -> dict[str, Tensor]:
        return {"order": self.order}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.order = state["order"]


def to_level(images: Tensor, level: int, top: int, fade: float) -> Tensor:
    """Real pictures at the resolution of `level`; while it fades in, blended with the level below (K)."""
    for _ in range(top - level):
        images = halve(images)
    return images if fade >= 1 or level == 0 else torch.lerp(double(halve(images)), images, fade)


def augment(images: Tensor, gan: Gan, rng: torch.Generator) -> Tensor:
    """Shift (edges repeated) and flip real and fake alike, differentiably, so that few pictures are not memorised."""
    count, size = len(images), images.shape[-1]
    reach = round(gan.augment_shift * size)
    if reach:
        padded = F.pad(images, [reach] * 4, mode="replicate")
        top, left = (
            shard(torch.randint(0, 2 * reach + 1, (whole(count),), generator=rng)).to(images.device)
            for _ in range(2)
        )
        along = torch.arange(size, device=images.device)
        rows, columns = (
            (top[:, None] + along)[:, None, :, None],
            (left[:, None] + along)[:, None, None, :],
        )
        samples, planes = (torch.arange(n, device=images.device) for n in (count, 3))
        images = padded[samples[:, None, None, None], planes[None, :, None, None], rows, columns]
    if gan.augment_flip:
        flipped = shard(torch.rand(whole(count), 1, 1, 1, generator=rng)).to(images.device) < 0.5
        images = torch.where(flipped, images.flip(3), images)
    return images


def require_room(gan: Gan, resolution: int) -> None:
    """Raises WordbrushError where the memory does not hold a step, at the level that takes the most."""

    def build() -> torch.nn.Module:
        return torch.nn.ModuleList(
            [
                Generator(GeneratorConfig.of(gan, resolution)),
                Discriminator(gan.channels, resolution, gan.stddev_group),
            ]
        )

    for level, size in enumerate(resolutions(resolution)):

        def step(
            both: torch.nn.Module, level: int = level, count: int = part(gan.batch_sizes[size])
        ) -> Tensor:
            generator, discriminator = both
            return discriminator(
                generator.at_level(torch.empty(count, gan.latent_dim), level, 1.0), level, 1.0
            )

        require_device_memory(
            f"a step of the GAN at {size}×{size}",
            training_bytes(build, step),
            "lower gan.batch_sizes or gan.channels",
        )


class Trainer:
    """The two networks, their optimisers and the generator's moving average."""

    def __init__(self, gan: Gan, resolution: int, seed: int):
        self.gan, self.top = gan, len(resolutions(resolution)) - 1
        self.rng = torch.Generator().manual_seed(seed)
        channels_last = partial(
            torch.nn.Module.to, device=device(), memory_format=torch.channels_last
        )
        config = GeneratorConfig.of(gan, resolution)
        self.generator = channels_last(Generator(config))
        self.discriminator = channels_last(
            Discriminator(gan.channels, resolution, gan.stddev_group)
        )
        self.average = channels_last(Generator(config)).requires_grad_(False)
        self.average.load_state_dict(self.generator.state_dict())
        self.steps = 0
        self.reset_optimisers()

    def parts(self) -> dict[str, Any]:
        """All that changes in training, but `steps`."""
        return {
            name: getattr(self, name)
            for name in (
                "generator",
                "discriminator",
                "average",
                "generator_adam",
                "discriminator_adam",
                "rng",
            )
        }

    def latents(self, count: int) -> Tensor:
        return torch.randn(count, self.gan.latent_dim, generator=self.rng).to(device())

    def reset_optimisers(self) -> None:
        """K: a fresh optimiser for every level."""
        gan = self.gan
        adam = partial(
            torch.optim.Adam,
            lr=gan.learning_rate,
            betas=(gan.adam_beta1, gan.adam_beta2),
            eps=gan.adam_epsilon,
            fused=True,
        )
        self.generator_adam, self.discriminator_adam = (
            adam(self.generator.parameters()),
            adam(self.discriminator.parameters()),
        )

    def discriminator_step(self, real: Tensor, level: int, fade: float) -> Tensor:
        with torch.no_grad():
            fake = self.generator.at_level(shard(self.latents(whole(len(real)))), level, fade)
        real, fake = (augment(images, self.gan, self.rng) for images in (real, fake))
        critic = partial(self.discriminator, level=level, fade=fade)
        judged = critic(torch.cat([real, fake]), sets=2).chunk(2)  # one pass costs less than two
        loss = losses.discriminator_loss(*map(gather, judged), self.gan)
        total = loss
        if self.steps % self.gan.penalty_every == 0:  # lazy: rarer, and as much stronger
            total = total + self.gan.penalty_every * losses.penalty(
                critic, real, fake, self.gan, self.rng
            )
        self.discriminator_adam.zero_grad()
        backward(total, self.discriminator)
        self.discriminator_adam.step()
        return loss.detach()

    def generator_step(self, count: int, level: int, fade: float) -> Tensor:
        self.discriminator.requires_grad_(False)
        fake = augment(
            self.generator.at_level(shard(self.latents(whole(count))), level, fade),
            self.gan,
            self.rng,
        )
        loss = losses.generator_loss(gather(self.discriminator(fake, level, fade)), self.gan)
        self.generator_adam.zero_grad()
        backward(loss, self.generator)
        self.generator_adam.step()
        self.discriminator.requires_grad_(True)
        update_average(self.average, self.generator, self.gan.ema_decay)
        return loss.detach()

    def step(self, real: Tensor, level: int, fade: float, kept: str = "") -> tuple[float, float]:
        """One step of each network (K: 1:1); the losses of generator and discriminator. `kept` is named if it diverges."""
        with mixed_precision():
            both = torch.stack(
                [
                    self.discriminator_step(real, level, fade),
                    self.generator_step(len(real), level, fade),
                ]
            )
        self.steps += 1
        require_finite("the GAN", self.steps, kept, both, self.generator, self.discriminator)
        discriminator, generator = both.tolist()
        return generator, discriminator


@torch.no_grad()
def update_average(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    """Exponential moving average of the weights (K)."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


@torch.no_grad()
def sample_grid(average: Generator, latents: Tensor, level: int, fade: float) -> np.ndarray:
    """GRID × GRID drawings of fixed latents at full size: uint8 [GRID·H, GRID·W, 3]."""
    images = average.at_level(latents, level, fade)
    for _ in range(average.top - level):
        images = double(images)
    tiles = to_uint8(images)
    size = tiles.shape[1]
    return (
        tiles.reshape(GRID, GRID, size, size, 3).swapaxes(1, 2).reshape(GRID * size, GRID * size, 3)
    )


@dataclass
class History:
    """What is seen of a training: rows of CURVES, sample grids at the same moments, and distances (kimg, mean) at full size."""

    curves: list[tuple[float, ...]] = field(default_factory=list)
    grids: list[np.ndarray] = field(default_factory=list)
    distances: list[tuple[float, float]] = field(default_factory=list)


def train(
    gan: Gan,
    images: np.ndarray,
    seed: int,
    distance: Callable[[Generator], float],
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[Generator, History]:
    """Train on uint8 [N, H, W, 3]: the averaged generator, and what was seen at `gan.grids` evenly spaced moments.

    `distance` measures a generator of the full size.
    """
    resolution = images.shape[1]
    require_room(gan, resolution)
    trainer = Trainer(gan, resolution, seed)
    fixed = trainer.latents(GRID * GRID)
    batches = RealBatches(images, trainer.rng)
    plan = phases(gan, resolution)
    ends = np.cumsum([phase.kimg for phase in plan])
    state = checkpoints.restore({**trainer.parts(), "batches": batches}) or {
        "shown": 0.0,
        "steps": 0,
        "phase": -1,
        "begin": 0.0,
        "recent": [],
        "history": ([], [], []),
    }
    shown, current, begin, recent, trainer.steps = (
        state[name] for name in ("shown", "phase", "begin", "recent", "steps")
    )
    history = History(*state["history"])
    with (
        finishing_steps(),
        Progress("training the GAN", ends[-1], "kimg", shown, (1000, "image")) as progress,
    ):
        while shown < ends[-1]:
            number = int(np.searchsorted(ends, shown, side="right"))
            phase = plan[number]
            if number != current:
                if current < 0 or phase.level != plan[current].level:
                    trainer.reset_optimisers()
                batches.restart()
                current, begin = number, shown
            size = resolutions(resolution)[phase.level]
            fade = (shown - begin) / phase.kimg if phase.fading else 1.0
            batch = gan.batch_sizes[size]
            real = to_level(batches.draw(batch), phase.level, trainer.top, fade)
            recent.append(trainer.step(real, phase.level, fade, checkpoints.kept))
            before, shown = shown, shown + batch / 1000
            progress.advance(batch / 1000)
            progress.note(
                resolution=size,
                fade=fade,
                **dict(zip("GD", np.mean(recent[-50:], 0), strict=True)),
                learning_rate=gan.learning_rate,
            )
            if int(before / ends[-1] * gan.grids) != int(shown / ends[-1] * gan.grids):
                history.curves.append((shown, size, fade, *np.mean(recent, 0).tolist()))
                history.grids.append(sample_grid(trainer.average, fixed, phase.level, fade))
                if size == resolution:
                    history.distances.append((shown, on_main(lambda: distance(trainer.average))))
                recent.clear()
            checkpoints.offer(
                trainer.steps,
                {**trainer.parts(), "batches": batches},
                {
                    "shown": shown,
                    "steps": trainer.steps,
                    "phase": current,
                    "begin": begin,
                    "recent": recent,
                    "history": (history.curves, history.grids, history.distances),
                },
            )
    return trainer.average, history
