"""Training the segmenter on rendered scenes with masks."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import scaled
from wordbrush.data.resident import Rows
from wordbrush.params import Segmenter as SegmenterParams
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.network import MAX_OBJECTS, SIZES, Segmenter, SegmenterConfig
from wordbrush.telemetry.metrics import waiting_for_data
from wordbrush.telemetry.progress import Progress
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.compute import (
    channels_last,
    device,
    mixed_precision,
    random_numbers,
    require_device_memory,
    runs_ahead,
    training_bytes,
)
from wordbrush.training.graphs import Graphs
from wordbrush.training.parallel import backward, gather, part, shard
from wordbrush.training.signals import finishing_steps
from wordbrush.training.watch import Watch, observed

CENTRE_WIDTH = 0.045  # deviation of a centre's blob, as a share of the picture


def centre_maps(instances: Tensor) -> Tensor:
    """A blob of height 1 at the middle of each object's visible pixels.

    uint8 [N, H, W], 0 or 1 + the number of the object -> float [N, H, W].
    """
    size = instances.shape[-1]
    numbers = torch.arange(1, MAX_OBJECTS + 1, device=instances.device)
    masks = (instances[:, None] == numbers[:, None, None]).float()
    area = masks.sum((2, 3))
    along = torch.arange(size, device=instances.device, dtype=torch.float32)
    y = (masks.sum(3) * along).sum(2) / area.clamp(min=1)
    x = (masks.sum(2) * along).sum(2) / area.clamp(min=1)
    width = max(0.7, CENTRE_WIDTH * size / 2)
    down, across = (
        torch.exp(-(((along - middle[..., None]) / width) ** 2) / 2) for middle in (y, x)
    )
    blobs = down[..., :, None] * across[..., None, :]
    return (blobs * (area > 0)[..., None, None]).amax(1)


def loss(outputs: tuple[Tensor, Tensor, Tensor], instances: Tensor, attributes: Tensor) -> Tensor:
    """Blobs and presence by cross entropy, attributes by cross entropy where an object is."""
    centre, presence, logits = outputs
    blobs = centre_maps(instances)
    found = F.binary_cross_entropy_with_logits(centre, blobs, weight=1 + 20 * blobs)
    present = F.binary_cross_entropy_with_logits(presence, (instances > 0).float())
    named = [
        entropy_where_named(part, labels.long() - 1)
        for part, labels in zip(logits.split(SIZES, 1), attributes.unbind(1), strict=True)
    ]
    return 5 * found + present + sum(named)


def entropy_where_named(logits: Tensor, values: Tensor) -> Tensor:
    """Mean cross entropy of logits [N, K, H, W] over the pixels whose value [N, H, W] is not -1."""
    if not runs_ahead(logits.device):
        return F.cross_entropy(logits, values, ignore_index=-1)
    # the mean that cross_entropy takes of maps has no deterministic algorithm on GPUs
    each = F.cross_entropy(logits, values, ignore_index=-1, reduction="none")
    return each.sum() / (values >= 0).sum()


def disturb(images: Tensor, noise: float, rng: torch.Generator) -> Tensor:
    """Add noise, blur and brightness: the GAN's pictures are softer than rendered ones.

    rng: on the device of the pictures.
    """
    count = len(images)

    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=rng, device=rng.device)

    blurred = F.avg_pool2d(F.pad(images, [1] * 4, mode="replicate"), 3, 1)
    images = torch.lerp(images, blurred, 0.7 * uniform())
    images = images * (0.9 + 0.2 * uniform()) + 0.1 * (uniform() - 0.5)
    strength = 2 * noise * uniform()
    return images + strength * torch.randn(images.shape, generator=rng, device=rng.device)


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures uint8 [N, H, W, 3] with masks of instances [N, H, W] and attributes [N, 4, H, W]."""

    images: np.ndarray
    instances: np.ndarray
    attributes: np.ndarray

    @cached_property
    def rows(self) -> tuple[Rows, Rows, Rows]:
        """Of all three, as steps take them."""
        images, instances, attributes = (
            Rows(array, device()) for array in (self.images, self.instances, self.attributes)
        )
        return images, instances, attributes

    @waiting_for_data()
    def batch(self, picked: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The pictures with these numbers, in [-1, 1], and both masks, on the device."""
        images, *masks = (rows.take(picked) for rows in self.rows)
        return scaled(images), masks


class Trainer:
    """A segmenter in training, and all that changes with it from step to step."""

    def __init__(self, params: SegmenterParams, data: LabelledPictures, seed: int):
        config = SegmenterConfig.taken_from(params, attributes=ATTRIBUTES)
        require_room(params, config, data.images.shape[1:3])
        self.params, self.data, self.rng = params, data, random_numbers(seed)
        self.network = channels_last(Segmenter(config), device())
        rate, self.graphs = params.learning_rate, Graphs(self.rng)
        self.adam = torch.optim.Adam(
            self.network.parameters(), lr=rate, fused=True, capturable=self.graphs.used
        )
        self.graphs.adopt(self.adam, device())
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.adam, params.steps)
        self.watch = Watch("the segmenter")

    def parts(self) -> dict[str, Any]:
        """All that changes, for checkpoints."""
        return {name: getattr(self, name) for name in ("network", "adam", "schedule", "rng")}

    def step(self, number: int) -> None:
        """One step, counted from 1, on new pictures; `losses` reads what it gave."""
        count, rng = len(self.data.images), self.rng
        picked = torch.randint(count, (self.params.batch_size,), generator=rng, device=rng.device)
        self.descend(number, *self.data.batch(picked))

    def descend(self, number: int, pictures: Tensor, targets: Sequence[Tensor]) -> None:
        """The step on these pictures."""
        self.watch.add(number, 1, self.graphs.run("step", self.learn, pictures, *targets))
        self.schedule.step()

    def learn(self, pictures: Tensor, *targets: Tensor) -> Tensor:
        """Change the weights; returns the step's row for `watch`."""
        pictures = disturb(pictures, self.params.noise, self.rng)
        value = whole_loss(self.network, pictures, targets)
        self.adam.zero_grad()
        backward(value, self.network)
        row = observed(value, self.network)
        self.adam.step()
        return row

    def losses(self, kept: str = "") -> list[float]:
        """Of every step since they were read last.

        Raises Diverged, which names the checkpoint `kept`, where a number is not finite.
        """
        return [loss for (loss,) in self.watch.read(kept)]


def train(
    params: SegmenterParams,
    data: LabelledPictures,
    seed: int,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[Segmenter, list[tuple[int, float]]]:
    """Train a new segmenter; returns it with its loss curve."""
    trainer = Trainer(params, data, seed)
    state = checkpoints.restore(trainer.parts()) or {"step": 0, "curve": []}
    trainer.graphs.adopt(trainer.adam, device())
    done, curve = state["step"], state["curve"]

    def checked(step: int) -> dict[str, Any]:
        trainer.losses(checkpoints.kept)
        return {"step": step, "curve": curve}

    title, shows = "training the segmenter", (params.batch_size, "image")
    with finishing_steps(), Progress(title, params.steps, "step", done, shows) as progress:
        for step in range(done + 1, params.steps + 1):
            trainer.step(step)
            progress.advance()
            if step % max(1, params.steps // 50) == 0:
                value = trainer.losses(checkpoints.kept)[-1]
                rate = float(trainer.schedule.get_last_lr()[0])
                progress.note(loss=value, learning_rate=rate)
                curve.append((step, value))
            elif trainer.watch.due or step == params.steps:
                trainer.losses(checkpoints.kept)
            checkpoints.offer(step, trainer.parts(), partial(checked, step))
    return trainer.network.eval().requires_grad_(False), curve


def require_room(params: SegmenterParams, config: SegmenterConfig, size: Sequence[int]) -> None:
    """Raises WordbrushError where the memory does not hold a step on pictures of this size."""
    shape = (part(params.batch_size), 3, *size)
    needed = training_bytes(lambda: Segmenter(config), lambda network: network(torch.empty(shape)))
    advice = "lower segmenter.batch_size or segmenter.channels"
    require_device_memory("a step of the segmenter", needed, advice)


def whole_loss(network: Segmenter, pictures: Tensor, targets: Sequence[Tensor]) -> Tensor:
    """The loss of a batch, of which each process computes its part."""
    with mixed_precision():
        outputs = network(shard(pictures))
    centre, presence, logits = (gather(output.float()) for output in outputs)
    instances, attributes = targets
    return loss((centre, presence, logits), instances, attributes)
