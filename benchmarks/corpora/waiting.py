"""How long training steps wait for data of which nothing is in memory.

Pictures and features are written to disk, and what the system keeps of their files is dropped
before each measurement. No picture comes twice, so every batch is read from disk, as of a
collection that is larger than memory.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from prometheus_client import REGISTRY

from benchmarks.corpora.shapes import Shape
from benchmarks.rows.training import MINING, new_encoders
from wordbrush.audio.config import FeatureConfig
from wordbrush.data.loader import AHEAD
from wordbrush.data.manifest import Manifest
from wordbrush.data.pairs import Pairs, read_pairs
from wordbrush.data.speech import write_features
from wordbrush.data.views import PIXELS, SIZES
from wordbrush.davenet.training import Settings, Trainer, make_loader
from wordbrush.params import Params
from wordbrush.storage.growing import write_growing
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.metrics import STAGE, running

STEPS = {"an L4": 1.0, "a card of ten times that": 0.1}  # seconds of the preset paper's step
WARM = 2  # steps before the measured ones


def write_data(layout: Layout, shape: Shape, params: Params, batches: int) -> None:
    """Of so many batches, with what is made ahead of them; a picture has one caption."""
    davenet, config = params.davenet, FeatureConfig.taken_from(params.captions)
    count = (batches + WARM + AHEAD + 1) * davenet.batch_size
    rng = np.random.default_rng(params.seed)
    frames = (shape.lengths(count, rng) * 1000 / config.hop_ms).astype(int)
    noise = rng.random((config.max_frames, config.bands)).astype(np.float16)
    write_features(
        layout.features,
        (noise[:length] for length in frames.clip(1, config.max_frames)),
        config,
        Manifest.one_to_one("m", "en", train=count),
    )
    layout.samples.mkdir(parents=True)
    side = davenet.image_side or davenet.image_size
    width = side * shape.width // shape.height
    square = np.zeros((1, davenet.image_size, davenet.image_size, 3), np.uint8)
    write_growing(layout.samples / "images.npy", (square for _ in range(count)))
    grain = rng.integers(0, 256, (side * width, 3), np.uint8)
    write_growing(layout.samples / PIXELS, (np.roll(grain, one, 0) for one in range(count)))
    np.save(layout.samples / SIZES, np.tile(np.array([side, width]), (count, 1)))


def forget(folder: Path) -> None:
    """Write what is not on disk yet, and drop what memory holds of the files."""
    for path in folder.rglob("*.npy"):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(folder: Path, shape: Shape, paper: Params, small: Params, batches: int) -> dict:
    """Shares of steps: of the preset paper on cards, and of a small preset trained here.

    The host of a card sleeps as long as a step computes, and makes batches meanwhile.
    """
    large, own = Layout(folder / "large"), Layout(folder / "small")
    write_data(large, shape, paper, batches)
    write_data(own, shape, small, batches)
    found: dict[str, Any] = {}
    for name, seconds in STEPS.items():
        found[name] = asleep(large, paper, batches, seconds)
    found["trained here"] = trained(own, small, batches)
    return found


def asleep(layout: Layout, params: Params, batches: int, seconds: float) -> dict[str, float]:
    """Batches as training takes them, by a host that sleeps while a card computes."""
    forget(layout.root)
    loader = make_loader(read_pairs(layout), params.davenet, 0, params.seed)
    waits: list[float] = []

    def step() -> None:
        began = time.perf_counter()
        next(loader)
        waits.append(time.perf_counter() - began)
        time.sleep(seconds)

    told = counted(step, batches)
    loader.close()
    return {**told, "wait_percent": percent(sum(waits[WARM:]), told["seconds"])}


def trained(layout: Layout, params: Params, batches: int) -> dict[str, float]:
    """The steps of a training."""
    forget(layout.root)
    pairs = read_pairs(layout)
    trainer = trainer_of(pairs, params)
    number = iter(range(1, batches + WARM + 1))

    def step() -> None:
        trainer.step(next(number))
        trainer.results()

    for _ in range(WARM):
        step()
    before = waited()
    told = counted(step, batches, warm=0)
    trainer.batches.close()
    return {**told, "wait_percent": percent(waited() - before, told["seconds"])}


def trainer_of(pairs: Pairs, params: Params) -> Trainer:
    stage = params.schedule.pretrain
    settings = Settings(params.davenet, stage, MINING, params.seed, params.edits.against)
    return Trainer(new_encoders(pairs, params), pairs, settings)


def counted(step: Callable[[], None], batches: int, warm: int = WARM) -> dict[str, float]:
    """So many steps behind the first: seconds, of which threads stood in the queue for a core that
    other programs had, and megabytes that came from disk."""
    for _ in range(warm):
        step()
    read, stood, began = disk_bytes(), queued(), time.perf_counter()
    for _ in range(batches):
        step()
    seconds = time.perf_counter() - began
    return {
        "steps": batches,
        "seconds": round(seconds, 2),
        "queued_seconds": round(queued() - stood, 2),
        "megabytes_read_a_step": round((disk_bytes() - read) / batches / 1e6, 1),
    }


def waited() -> float:
    """Seconds that steps of this process waited for data, as it tells Prometheus."""
    labels = dict(zip(STAGE, running(), strict=True))
    return REGISTRY.get_sample_value("wordbrush_data_wait_seconds_total", labels) or 0.0


def queued() -> float:
    """Seconds that the threads of this process could have worked, and others had the cores."""
    tasks = Path("/proc/self/task").glob("*/schedstat")
    return sum(int(one.read_text().split()[1]) for one in tasks) / 1e9


def disk_bytes() -> int:
    """What this process has read from disk."""
    return int(psutil.Process().io_counters().read_bytes)


def percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)
