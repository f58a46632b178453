"""The reader of pictures (P §6.1 trains one on CLEVR): a small U-Net that finds objects and their four attributes.

It stands in for a person who describes pictures and judges edits. Training of the grounding never sees it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import TypedDict

from wordbrush.params import Segmenter as SegmenterParams
from wordbrush.params import SegmenterChannels
from wordbrush.runtime.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.runtime.compute import device, mixed_precision, require_device_memory, require_finite, to_images, training_bytes
from wordbrush.runtime.files import read_json
from wordbrush.runtime.metrics import waiting_for_data
from wordbrush.runtime.norms import BatchNorm2d
from wordbrush.runtime.parallel import backward, gather, part, shard
from wordbrush.runtime.progress import Progress
from wordbrush.runtime.signals import finishing_steps
from wordbrush.runtime.weights import load_weights
from wordbrush.scenes.world import ATTRIBUTES

SIZES = [len(values) for values in ATTRIBUTES.values()]
MAX_OBJECTS = 12      # more than C's ten
MIN_PEAK = 0.3        # weaker centres are noise
CENTRE_WIDTH = 0.045  # deviation of a centre's blob, as a share of the picture


class Segmenter(nn.Module):
    """Pictures [N, 3, H, W] -> centre [N, H, W], presence [N, H, W] and attribute logits [N, 15, H, W]."""

    def __init__(self, channels: list[int]):
        super().__init__()
        self.down = nn.ModuleList([block(3 if not k else channels[k - 1], width) for k, width in enumerate(channels)])
        self.up = nn.ModuleList([block(below + width, width) for below, width in
                                 zip(channels[1:], channels[:-1], strict=True)])
        self.head = nn.Conv2d(channels[0], 2 + sum(SIZES), 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        skips, x = [], images
        for number, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if number else x)
            skips.append(x)
        for skip, up in zip(reversed(skips[:-1]), reversed(self.up), strict=True):
            x = up(torch.cat([F.interpolate(x, scale_factor=2), skip], 1))
        out = self.head(x)
        return out[:, 0], out[:, 1], out[:, 2:]


def block(inputs: int, outputs: int) -> nn.Sequential:
    layers = [part for width in (inputs, outputs)
              for part in (nn.Conv2d(width, outputs, 3, padding=1, bias=False), BatchNorm2d(outputs), nn.ReLU())]
    return nn.Sequential(*layers)


def centre_maps(instances: Tensor) -> Tensor:
    """A blob of height 1 at the middle of each object's visible pixels: uint8 [N, H, W] -> float [N, H, W]."""
    size = instances.shape[-1]
    masks = F.one_hot(instances.long(), MAX_OBJECTS + 1)[..., 1:].permute(0, 3, 1, 2).float()
    area = masks.sum((2, 3))
    along = torch.arange(size, device=instances.device, dtype=torch.float32)
    y = (masks.sum(3) * along).sum(2) / area.clamp(min=1)
    x = (masks.sum(2) * along).sum(2) / area.clamp(min=1)
    width = max(0.7, CENTRE_WIDTH * size / 2)
    down, across = (torch.exp(-((along - middle[..., None]) / width) ** 2 / 2) for middle in (y, x))
    blobs = down[..., :, None] * across[..., None, :]
    return (blobs * (area > 0)[..., None, None]).amax(1)


def loss(outputs: tuple[Tensor, Tensor, Tensor], instances: Tensor, attributes: Tensor) -> Tensor:
    """Blobs and presence by cross entropy, attributes by cross entropy where an object is."""
    centre, presence, logits = outputs
    blobs = centre_maps(instances)
    found = F.binary_cross_entropy_with_logits(centre, blobs, weight=1 + 20 * blobs)
    present = F.binary_cross_entropy_with_logits(presence, (instances > 0).float())
    named = [F.cross_entropy(part, labels.long() - 1, ignore_index=-1)
             for part, labels in zip(logits.split(SIZES, 1), attributes.unbind(1), strict=True)]
    return 5 * found + present + sum(named)


def disturb(images: Tensor, noise: float, rng: torch.Generator) -> Tensor:
    """Noise, blur and brightness, so that the GAN's softer pictures are read as well as rendered ones."""
    count = len(images)
    def uniform() -> Tensor:
        return torch.rand(count, 1, 1, 1, generator=rng).to(images.device)
    blurred = F.avg_pool2d(F.pad(images, [1] * 4, mode="replicate"), 3, 1)
    images = torch.lerp(images, blurred, 0.7 * uniform())
    images = images * (0.9 + 0.2 * uniform()) + 0.1 * (uniform() - 0.5)
    return images + 2 * noise * uniform() * torch.randn(images.shape, generator=rng).to(images.device)


def train(params: SegmenterParams, images: np.ndarray, instances: np.ndarray, attributes: np.ndarray,
          seed: int, checkpoints: Checkpoints = NO_CHECKPOINTS) -> tuple[Segmenter, list[tuple[int, float]]]:
    """Train on uint8 pictures [N, H, W, 3] with masks [N, H, W] and [N, 4, H, W]; the network and its loss curve."""
    batch = torch.Size((part(params.batch_size), 3, *images.shape[1:3]))
    needed = training_bytes(lambda: Segmenter(params.channels), lambda network: network(torch.empty(batch)))
    require_device_memory("a step of the segmenter", needed, "lower segmenter.batch_size or segmenter.channels")
    rng = torch.Generator().manual_seed(seed)
    network = Segmenter(params.channels).to(device(), memory_format=torch.channels_last)
    adam = torch.optim.Adam(network.parameters(), lr=params.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, params.steps)
    parts = {"network": network, "adam": adam, "schedule": schedule, "rng": rng}
    state = checkpoints.restore(parts) or {"step": 0, "curve": []}
    curve = state["curve"]
    with finishing_steps(), Progress("training the segmenter", params.steps, "step", state["step"],
                                     (params.batch_size, "image")) as progress:
        for step in range(state["step"] + 1, params.steps + 1):
            picked = torch.randint(len(images), (params.batch_size,), generator=rng).numpy()
            with waiting_for_data():
                batch = to_images(images[picked]).to(device())
                targets = [torch.from_numpy(array[picked]).to(device()) for array in (instances, attributes)]
            batch = disturb(batch, params.noise, rng)
            with mixed_precision():
                outputs = network(shard(batch))
            value = loss(tuple(gather(part.float()) for part in outputs), *targets)
            adam.zero_grad()
            backward(value, network)
            require_finite("the segmenter", step, checkpoints.kept, value.detach(), network)
            adam.step()
            schedule.step()
            progress.advance()
            if step % max(1, params.steps // 50) == 0:
                progress.note(loss=value.item(), learning_rate=schedule.get_last_lr()[0])
                curve.append((step, value.item()))
            checkpoints.offer(step, parts, {"step": step, "curve": curve})
    return network.eval().requires_grad_(False), curve


class SegmenterFile(TypedDict):
    """segmenter.json"""

    channels: SegmenterChannels


def load_segmenter(folder: Path, where: torch.device) -> Segmenter:
    network = Segmenter(read_json(folder / "segmenter.json", SegmenterFile)["channels"])
    load_weights(folder, "segmenter", network)
    return network.to(where, memory_format=torch.channels_last).eval().requires_grad_(False)


def parse(network: Segmenter, images: np.ndarray, batch: int = 256) -> list[list[dict]]:
    """The objects of each picture uint8 [N, H, W, 3], left to right.

    Each is {shape, material, color, size, x, y (pixels), area (pixels), confidence, certainty}: confidence is the centre's peak,
    that there is an object; certainty is the least of its four attributes' probabilities.
    """
    return parse_masks(network, images, batch)[0]


@torch.no_grad()
def parse_masks(network: Segmenter, images: np.ndarray, batch: int = 256) -> tuple[list[list[dict]], np.ndarray]:
    """As `parse`, and where the objects are: uint8 [N, H, W], 0 or 1 + the number of the object."""
    where = next(network.parameters()).device
    parsed, instances = [], np.empty(images.shape[:3], np.uint8)
    for at in range(0, len(images), batch):
        objects, masks = _objects(*network(to_images(images[at:at + batch]).to(where)))
        parsed += objects
        instances[at:at + batch] = masks.cpu().numpy()
    return parsed, instances


def _objects(centre: Tensor, presence: Tensor, logits: Tensor) -> tuple[list[list[dict]], Tensor]:
    """Peaks of the centre map; every pixel of an object belongs to its nearest peak and votes on the attributes."""
    count, height, width = centre.shape
    heat = centre.sigmoid()
    peaks = heat * (F.max_pool2d(heat[:, None], 3, 1, 1)[:, 0] == heat)
    strength, places = peaks.flatten(1).topk(min(MAX_OBJECTS, height * width))
    y, x = places // width, places % width
    mine = _nearest(strength, y, x, presence)
    votes = torch.einsum("nkhw,nahw->nka", mine.float(), logits) / mine.sum((2, 3))[..., None]
    chances = [part.softmax(-1).max(-1) for part in votes.split(SIZES, -1)]
    certainty = torch.stack([chance.values for chance in chances]).amin(0).tolist()
    values = [chance.indices.tolist() for chance in chances]
    area, x, y, strength = mine.sum((2, 3)).tolist(), x.tolist(), y.tolist(), strength.tolist()
    found, number = [], torch.zeros(mine.shape[:2], dtype=torch.uint8)
    for n in range(count):
        order = sorted((k for k in range(len(x[n])) if strength[n][k] >= MIN_PEAK), key=lambda k, n=n: (x[n][k], y[n][k]))
        number[n, order] = torch.arange(1, len(order) + 1, dtype=torch.uint8)
        found.append([{**{name: ATTRIBUTES[name][values[a][n][k]] for a, name in enumerate(ATTRIBUTES)},
                       "x": float(x[n][k]), "y": float(y[n][k]), "area": int(area[n][k]),
                       "confidence": round(strength[n][k], 4), "certainty": round(certainty[n][k], 4)} for k in order])
    return found, (mine * number.to(mine.device)[..., None, None]).amax(1).to(torch.uint8)


def _nearest(strength: Tensor, y: Tensor, x: Tensor, presence: Tensor) -> Tensor:
    """The pixels of every peak [N, K], weak ones aside: 0 or 1, [N, K, H, W]."""
    count, height, width = presence.shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    rows, columns = rows.to(presence.device), columns.to(presence.device)
    squared = (rows - y[..., None, None]) ** 2 + (columns - x[..., None, None]) ** 2
    squared = squared.float().masked_fill((strength < MIN_PEAK)[..., None, None], torch.inf)
    mine = F.one_hot(squared.argmin(1), strength.shape[1]).permute(0, 3, 1, 2)
    mine = mine * (presence > 0)[:, None]
    mine[torch.arange(count)[:, None], torch.arange(strength.shape[1])[None], y, x] = 1  # a peak is its own at least
    return mine
