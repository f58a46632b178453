"""Training the segmenter on rendered scenes with masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from wordbrush.data.images import to_images
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
    require_device_memory,
    require_finite,
    training_bytes,
)
from wordbrush.training.parallel import backward, gather, part, shard
from wordbrush.training.signals import finishing_steps

CENTRE_WIDTH = 0.045  # deviation of a centre's blob, as a share of the picture


def centre_maps(instances: Tensor) -> Tensor:
    """A blob of height 1 at the middle of each object's visible pixels.

    uint8 [N, H, W], 0 or 1 + the number of the object -> float [N, H, W].
    """
    size = instances.shape[-1]
    masks = F.one_hot(instances.long(), MAX_OBJECTS + 1)[..., 1:].permute(0, 3, 1, 2).float()
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
        F.cross_entropy(part, labels.long() - 1, ignore_index=-1)
        for part, labels in zip(logits.split(SIZES, 1), attributes.unbind(1), strict=True)
    ]
    return 5 * found + present + sum(named)


def disturb(images: Tensor, noise: float, rng: torch.Generator) -> Tensor:
    """Add noise, blur and brightness: the GAN's pictures are softer than rendered ones."""
    count = len(images)

    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=rng).to(images.device)

    blurred = F.avg_pool2d(F.pad(images, [1] * 4, mode="replicate"), 3, 1)
    images = torch.lerp(images, blurred, 0.7 * uniform())
    images = images * (0.9 + 0.2 * uniform()) + 0.1 * (uniform() - 0.5)
    return images + 2 * noise * uniform() * torch.randn(images.shape, generator=rng).to(
        images.device
    )


@dataclass(frozen=True)
class LabelledPictures:
    """Pictures uint8 [N, H, W, 3] with masks of instances [N, H, W] and attributes [N, 4, H, W]."""

    images: np.ndarray
    instances: np.ndarray
    attributes: np.ndarray

    @waiting_for_data()
    def batch(self, picked: np.ndarray) -> tuple[Tensor, list[Tensor]]:
        """The pictures with these numbers, in [-1, 1], and both masks, on the device."""
        masks = (self.instances, self.attributes)
        targets = [torch.from_numpy(mask[picked]).to(device()) for mask in masks]
        return to_images(self.images[picked]).to(device()), targets


def train(
    params: SegmenterParams,
    data: LabelledPictures,
    seed: int,
    checkpoints: Checkpoints = NO_CHECKPOINTS,
) -> tuple[Segmenter, list[tuple[int, float]]]:
    """Train a new segmenter; returns it with its loss curve."""
    config = SegmenterConfig.taken_from(params, attributes=ATTRIBUTES)
    require_room(params, config, data.images.shape[1:3])
    rng = torch.Generator().manual_seed(seed)
    network = channels_last(Segmenter(config), device())
    adam = torch.optim.Adam(network.parameters(), lr=params.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, params.steps)
    parts = {"network": network, "adam": adam, "schedule": schedule, "rng": rng}
    state = checkpoints.restore(parts) or {"step": 0, "curve": []}
    done, curve = state["step"], state["curve"]
    title, shows = "training the segmenter", (params.batch_size, "image")
    with finishing_steps(), Progress(title, params.steps, "step", done, shows) as progress:
        for step in range(done + 1, params.steps + 1):
            picked = torch.randint(len(data.images), (params.batch_size,), generator=rng).numpy()
            pictures, targets = data.batch(picked)
            value = whole_loss(network, disturb(pictures, params.noise, rng), targets)
            adam.zero_grad()
            backward(value, network)
            require_finite("the segmenter", step, checkpoints.kept, value.detach(), network)
            adam.step()
            schedule.step()
            progress.advance()
            if step % max(1, params.steps // 50) == 0:
                rate = float(schedule.get_last_lr()[0])
                progress.note(loss=value.item(), learning_rate=rate)
                curve.append((step, value.item()))
            checkpoints.offer(step, parts, {"step": step, "curve": curve})
    return network.eval().requires_grad_(False), curve


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
