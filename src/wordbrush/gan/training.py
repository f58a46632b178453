"""Progressive training of the GAN (K §2), on pictures alone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from wordbrush.data.images import fitted, scaled, to_uint8
from wordbrush.data.resident import Rows
from wordbrush.gan.augmentation import flipped, shifted
from wordbrush.gan.losses import Critic, adversarial_loss, squared_gradient
from wordbrush.gan.networks import (
    Discriminator,
    Fade,
    Generator,
    GeneratorConfig,
    double,
    fading,
    halve,
    resolutions,
)
from wordbrush.gan.schedule import Schedule, phases
from wordbrush.params import Gan
from wordbrush.telemetry.metrics import waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import (
    channels_last,
    device,
    mixed_precision,
    random_numbers,
    require_device_memory,
    training_bytes,
)
from wordbrush.training.graphs import Graphs
from wordbrush.training.parallel import backward, gather, on_main, part, shard, whole
from wordbrush.training.signals import finishing_steps
from wordbrush.training.watch import Watch, observed

CURVES = ("kimg", "resolution", "fade", "generator_loss", "discriminator_loss")
GRID = 8  # sample grids are GRID × GRID pictures
SMOOTHED = 50  # steps over which the shown losses are averaged


class RealBatches:
    """Endless shuffled batches in [-1, 1] at a resolution; a short rest is carried into the next
    shuffle."""

    def __init__(self, images: np.ndarray, resolution: int, rng: torch.Generator):
        self.images, self.resolution, self.rng = Rows(images, rng.device), resolution, rng
        self.restart()

    def restart(self) -> None:
        """Shuffle anew before the next batch."""
        self.order = torch.empty(0, dtype=torch.long, device=self.rng.device)

    @waiting_for_data()
    def take(self, batch: int) -> Tensor:
        """This process' part of a whole batch: [batch / processes, 3, H, W]."""
        while len(self.order) < batch:
            count, where = len(self.images), self.rng.device
            shuffled = torch.randperm(count, generator=self.rng, device=where)
            self.order = torch.cat([self.order, shuffled])
        taken, self.order = self.order[:batch], self.order[batch:]
        return fitted(scaled(self.images.take(shard(taken))), self.resolution)

    def state_dict(self) -> dict[str, Tensor]:
        return {"order": self.order}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        self.order = state["order"].to(self.rng.device)


def to_level(images: Tensor, level: int, top: int, fade: Fade) -> Tensor:
    """Real pictures of level `top` at `level`; fading in, blended with the level below (K)."""
    for _ in range(top - level):
        images = halve(images)
    return torch.lerp(double(halve(images)), images, fade) if fading(level, fade) else images


class Trainer:
    """The two networks, their optimisers and the generator's moving average."""

    def __init__(self, gan: Gan, resolution: int, seed: int):
        self.gan, self.top = gan, len(resolutions(resolution)) - 1
        self.loss, self.steps = adversarial_loss(gan), 0
        self.rng, self.watch = random_numbers(seed), Watch("the GAN")
        self.graphs = Graphs(self.rng)
        config = GeneratorConfig.of(gan, resolution)
        self.generator = channels_last(Generator(config), device())
        self.discriminator = channels_last(
            Discriminator(gan.channels, resolution, gan.stddev_group), device()
        )
        average = channels_last(Generator(config), device())
        average.load_state_dict(self.generator.state_dict())
        self.average = average.requires_grad_(False)
        self.reset_optimisers()

    def parts(self) -> dict[str, Any]:
        """All that changes in training, for checkpoints; but `steps`."""
        networks = ("generator", "discriminator", "average")
        names = (*networks, "generator_adam", "discriminator_adam", "rng")
        return {name: getattr(self, name) for name in names}

    def reset_optimisers(self) -> None:
        """A fresh optimiser for every level (K)."""
        gan = self.gan
        adam = partial(
            torch.optim.Adam,
            lr=gan.learning_rate,
            betas=(gan.adam_beta1, gan.adam_beta2),
            eps=gan.adam_epsilon,
            fused=True,
            capturable=self.graphs.used,
        )
        self.generator_adam = adam(self.generator.parameters())
        self.discriminator_adam = adam(self.discriminator.parameters())
        self.graphs.forget()

    def step(self, real: Tensor, level: int, fade: float) -> None:
        """One step of each network (K: 1:1), with real pictures [N, 3, H, W] of level `top`.

        `losses` reads what it gave.
        """
        penalised = self.steps % self.gan.penalty_every == 0  # lazy: rarer, and as much stronger
        step = partial(self.learn, level, penalised)
        share = self.graphs.changing(fade, real.device) if fading(level, fade) else fade
        row = self.graphs.run((level, penalised), step, real, share)
        self.steps += 1
        self.watch.add(self.steps, 2, row)

    def learn(self, level: int, penalised: bool, real: Tensor, fade: Fade) -> Tensor:
        """A step; returns its row for `watch`."""
        real = to_level(real, level, self.top, fade)
        with mixed_precision():
            of_discriminator = self.discriminator_step(real, level, fade, penalised)
            both = torch.stack([of_discriminator, self.generator_step(len(real), level, fade)])
        return observed(both, self.generator, self.discriminator)

    def losses(self, kept: str = "") -> list[tuple[float, float]]:
        """Of generator and discriminator, in every step since they were read last.

        Raises Diverged, which names the checkpoint `kept`, where a number is not finite.
        """
        return [(generator, critic) for critic, generator in self.watch.read(kept)]

    def discriminator_step(self, real: Tensor, level: int, fade: Fade, penalised: bool) -> Tensor:
        with torch.no_grad():
            fake = self.generator.at_level(self.latents(len(real)), level, fade)
        real, fake = self.augmented(real), self.augmented(fake)
        critic = partial(self.discriminator, level=level, fade=fade)
        scores = critic(torch.cat([real, fake]), sets=2)  # one pass costs less than two
        loss = self.loss.discriminator(*map(gather, scores.chunk(2)))
        total = loss
        if penalised:
            total = total + self.gan.penalty_every * self.penalty(critic, real, fake)
        self.discriminator_adam.zero_grad()
        backward(total, self.discriminator)
        self.discriminator_adam.step()
        return loss.detach()

    def penalty(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """Of the critic's gradients, over the whole batch."""
        images = real
        if self.loss.interpolates:
            shares = of_part(len(real), self.uniform)
            images = torch.lerp(real, fake, shares[:, None, None, None])
        return self.loss.penalty(gather(squared_gradient(critic, images)))

    def generator_step(self, count: int, level: int, fade: Fade) -> Tensor:
        self.discriminator.requires_grad_(False)
        fake = self.augmented(self.generator.at_level(self.latents(count), level, fade))
        loss = self.loss.generator(gather(self.discriminator(fake, level, fade)))
        self.generator_adam.zero_grad()
        backward(loss, self.generator)
        self.generator_adam.step()
        self.discriminator.requires_grad_(True)
        update_average(self.average, self.generator, self.gan.ema_decay)
        return loss.detach()

    def latents(self, count: int) -> Tensor:
        """This process' part [count, Z] of the latents of a whole batch."""
        dimensions = self.gan.latent_dim
        normal = partial(torch.randn, generator=self.rng, device=self.rng.device)
        return of_part(count, lambda rows: normal(rows, dimensions))

    def uniform(self, count: int) -> Tensor:
        """Numbers in [0, 1) [count]."""
        return torch.rand(count, generator=self.rng, device=self.rng.device)

    def augmented(self, images: Tensor) -> Tensor:
        """Pictures [N, 3, H, H] shifted and flipped at random, as the parameters say."""
        gan, count = self.gan, len(images)
        reach = round(gan.augment_shift * images.shape[-1])
        if reach:
            offset = partial(randint, 2 * reach + 1, self.rng)
            images = shifted(images, (of_part(count, offset), of_part(count, offset)), reach)
        if gan.augment_flip:
            images = flipped(images, of_part(count, self.uniform) < 0.5)
        return images


def of_part(count: int, draw: Callable[[int], Tensor]) -> Tensor:
    """This process' `count` rows of the random numbers of a whole batch."""
    return shard(draw(whole(count)))


def randint(stop: int, rng: torch.Generator, count: int) -> Tensor:
    return torch.randint(0, stop, (count,), generator=rng, device=rng.device)


@torch.no_grad()
def update_average(average: torch.nn.Module, model: torch.nn.Module, decay: float) -> None:
    """Exponential moving average of the weights (K)."""
    torch._foreach_lerp_(list(average.parameters()), list(model.parameters()), 1 - decay)


@torch.no_grad()
def sample_grid(average: Generator, latents: Tensor, level: int, fade: float) -> np.ndarray:
    """GRID × GRID drawings of these latents, at full size: uint8 [GRID·H, GRID·W, 3]."""
    images = average.at_level(latents, level, fade)
    for _ in range(average.top - level):
        images = double(images)
    tiles = to_uint8(images)
    size = tiles.shape[1]
    rows = tiles.reshape(GRID, GRID, size, size, 3).swapaxes(1, 2)
    return rows.reshape(GRID * size, GRID * size, 3)


@dataclass
class History:
    """What is recorded of a training.

    curves: rows of CURVES. grids: samples at the same times. distances: (kimg, mean over pyramid
    levels) at full size. recent: the losses of the steps since the last row.
    """

    curves: list[tuple[float, ...]] = field(default_factory=list)
    grids: list[np.ndarray] = field(default_factory=list)
    distances: list[tuple[float, float]] = field(default_factory=list)
    recent: list[tuple[float, float]] = field(default_factory=list)

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def train(
    gan: Gan,
    images: np.ndarray,
    resolution: int,
    seed: int,
    distance: Callable[[Generator], float],
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[Generator, History]:
    """Train on uint8 [N, H, H, 3]: the averaged generator, and a record at `gan.grids` even marks.

    resolution: of the drawings, at which the pictures are seen.
    `distance` measures a generator of the full size.
    """
    require_room(gan, resolution)
    trainer, schedule = Trainer(gan, resolution, seed), Schedule(phases(gan, resolution))
    shape, rng = (GRID * GRID, gan.latent_dim), trainer.rng
    fixed = torch.randn(shape, generator=rng, device=rng.device)
    batches, history = RealBatches(images, resolution, rng), History()

    def parts() -> dict[str, Any]:
        return trainer.parts() | {"batches": batches, "schedule": schedule, "history": history}

    def checked() -> dict[str, Any]:
        history.recent.extend(trainer.losses(checkpoints.kept))
        return {"steps": trainer.steps}

    trainer.steps = (checkpoints.restore(parts()) or {"steps": 0})["steps"]
    progress = Progress("training the GAN", schedule.total, "kimg", schedule.shown, (1000, "image"))
    with finishing_steps(), progress:
        while schedule.shown < schedule.total:
            level = schedule.level
            if schedule.enter_phase():
                batches.restart()
                if schedule.level != level:
                    trainer.reset_optimisers()
            level, fade = schedule.level, schedule.fade
            size = resolutions(resolution)[level]
            batch = gan.batch_sizes[size]
            trainer.step(batches.take(batch), level, fade)
            at_mark = schedule.show(batch, gan.grids)
            progress.advance(batch / 1000)
            if at_mark or trainer.watch.due:
                history.recent.extend(trainer.losses(checkpoints.kept))
                losses = dict(zip("GD", np.mean(history.recent[-SMOOTHED:], 0), strict=True))
                rate = gan.learning_rate
                progress.note(resolution=size, fade=fade, **losses, learning_rate=rate)
            if at_mark:
                mean_losses = np.mean(history.recent, 0).tolist()
                history.curves.append((schedule.shown, size, fade, *mean_losses))
                history.grids.append(sample_grid(trainer.average, fixed, level, fade))
                if size == resolution:
                    found = on_main(lambda: distance(trainer.average))
                    history.distances.append((schedule.shown, found))
                history.recent.clear()
            checkpoints.offer(trainer.steps, parts(), checked)
        checked()  # of the last steps
    return trainer.average, history


class Adversaries(torch.nn.Module):
    """Both networks, to count what a step takes."""

    def __init__(self, gan: Gan, resolution: int):
        super().__init__()
        self.generator = Generator(GeneratorConfig.of(gan, resolution))
        self.discriminator = Discriminator(gan.channels, resolution, gan.stddev_group)

    def judge(self, latents: torch.Size, level: int) -> Tensor:
        """Scores [N] of the pictures of latents of this shape, [N, Z]."""
        images = self.generator.at_level(torch.empty(latents), level, 1.0)
        return self.discriminator(images, level, 1.0)


def require_room(gan: Gan, resolution: int) -> None:
    """Raises WordbrushError where the memory does not hold a step, at the level that needs most."""
    for level, size in enumerate(resolutions(resolution)):
        latents = torch.Size((part(gan.batch_sizes[size]), gan.latent_dim))
        forward = partial(Adversaries.judge, latents=latents, level=level)
        require_device_memory(
            f"a step of the GAN at {size}×{size}",
            training_bytes(lambda: Adversaries(gan, resolution), forward),
            "lower gan.batch_sizes or gan.channels",
        )
