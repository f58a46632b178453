"""How costs grow: work at several sizes, and the slope of log seconds over log size.

Slope 1: the cost grows in proportion; 2: with the square.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from benchmarks.bench import Bench
from benchmarks.pairs import read_pairs, write_pairs
from benchmarks.rows import concepts, data, davenet, gan, training
from benchmarks.timing import WHOLE, Work, alternate
from wordbrush.audio.config import FeatureConfig
from wordbrush.davenet.config import EncoderConfig
from wordbrush.davenet.encoders import Encoders
from wordbrush.davenet.kernels import all_similarities, similarities
from wordbrush.davenet.retrieval import both_ways
from wordbrush.editing.dissection import unit_thresholds
from wordbrush.scenes.render import render_one
from wordbrush.training.compute import device

REPEATS, BUDGET = 5, 10.0


@dataclass(frozen=True)
class Sweep:
    """The seconds that work takes at each size."""

    work: str
    over: str
    sizes: list[float]
    seconds: list[float]

    @property
    def slope(self) -> float:
        """By least squares."""
        return float(np.polyfit(np.log(self.sizes), np.log(self.seconds), 1)[0])

    def record(self) -> dict[str, Any]:
        return {**vars(self), "slope": self.slope}


def recall(bench: Bench, count: int) -> Work:
    images, audio, lengths = (
        one.detach() for one in davenet.features_of(count, *davenet.DEMO_FEATURES)
    )
    pairs = davenet.encoded(images, audio, lengths)
    return lambda: both_ways(all_similarities(*pairs, "MISA"))


def search(bench: Bench, count: int) -> Work:
    images, audio, lengths = (
        one.detach() for one in davenet.features_of(count, *davenet.DEMO_FEATURES)
    )
    pictures, captions = davenet.encoded(images, audio, lengths)
    return lambda: similarities(pictures, captions[:1], "MISA")


def step_by_batch(bench: Bench, batch: int) -> Work:
    params = bench.params()
    folder, changed = bench.folder(), params.davenet.model_copy(update={"batch_size": batch})
    write_pairs(folder, params, batch)
    return training.repeated_step(
        read_pairs(folder), params.model_copy(update={"davenet": changed})
    )


def gan_step_by_pixels(bench: Bench, pixels: int) -> Work:
    """32 channels at every level, so that only the resolution differs."""
    size = round(pixels**0.5)
    narrow = bench.params("small").gan.model_copy(
        update={"channels": {level: 32 for level in (4, 8, 16, 32, 64)}}
    )
    return gan.our_step(narrow, size, torch.rand(8, 3, size, size, device=device()))


def render_by_objects(bench: Bench, objects: int) -> Work:
    """Small pictures of the preset `paper`, whose scenes have room for many objects."""
    params = bench.params("paper")
    scenes = params.scenes.model_copy(
        update={
            "min_objects": objects,
            "max_objects": objects,
            "resolution": 32,
            "min_visible_share": 0.0,
        }
    )
    return lambda: render_one(scenes, params.seed, 0)


def hearing_by_seconds(bench: Bench, seconds: int) -> Work:
    params = bench.params()
    frames, batch = round(1000 * seconds / params.captions.hop_ms), params.davenet.batch_size
    encoders = (
        Encoders(EncoderConfig.of(params.davenet, FeatureConfig.taken_from(params.captions)))
        .to(device())
        .eval()
    )
    features, lengths = (
        torch.randn(batch, params.captions.bands, frames, device=device()),
        torch.full((batch,), frames),
    )
    return lambda: encoders.encode_audio(features, lengths.to(device()))


def loading_by_samples(bench: Bench, count: int) -> Work:
    folder, params = bench.folder(), bench.params()
    write_pairs(folder, params, count)
    pairs = read_pairs(folder)
    return lambda: data.epoch(pairs, params)


def thresholds_by_samples(bench: Bench, count: int) -> Work:
    activations, _, _, share = concepts.setting(bench)
    return lambda: unit_thresholds(activations[:count], share)


# Work, over what, sizes, how to make it, whether it trains.
SWEEPS: tuple[tuple[str, str, tuple[int, ...], Callable[[Bench, int], Work], bool], ...] = (
    ("recall of all pairs", "pairs", (250, 500, 1000, 2000), recall, False),
    ("search by one caption", "pictures", (1000, 2000, 4000, 8000), search, False),
    ("DAVEnet step of the demo", "batch", (16, 32, 64, 128), step_by_batch, True),
    ("GAN step, 32 channels, batch 8", "pixels", (256, 1024, 4096), gan_step_by_pixels, True),
    ("rendering a scene", "objects", (1, 2, 4, 8), render_by_objects, False),
    ("hearing a batch", "seconds of a caption", (2, 4, 8, 16), hearing_by_seconds, False),
    ("loading an epoch", "samples", (500, 1000, 2000, 4000), loading_by_samples, False),
    ("thresholds of units", "samples", (128, 256, 512, 1024), thresholds_by_samples, False),
)


def sweeps(bench: Bench) -> Iterator[Sweep]:
    """Every sweep, its sizes timed in alternation."""
    for work, over, sizes, make, trains in SWEEPS:
        with torch.set_grad_enabled(trains):
            works = {str(size): make(bench, size) for size in sizes}
            taken = alternate(works, REPEATS, BUDGET)
        yield Sweep(work, over, list(sizes), [taken[str(size)][WHOLE].median for size in sizes])
