"""Live metrics of a stage for Prometheus, at the port in WORDBRUSH_METRICS_PORT.

docs/monitoring.md explains each. They are kept whether or not anybody scrapes, which costs some
microseconds a step. Labels are bounded: stage, mining, and names that are constants here.
"""

import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, disable_created_metrics, start_http_server

from wordbrush.errors import WordbrushError
from wordbrush.process import variable

PORT_VARIABLE = "WORDBRUSH_METRICS_PORT"
STAGE = ("stage", "mining")
disable_created_metrics()
UNITS = Counter(
    "wordbrush_units",
    "Units done, those of the runs that this one resumes included",
    [*STAGE, "task", "unit"],
)
EXPECTED = Gauge("wordbrush_units_expected", "Units of the whole task", [*STAGE, "task", "unit"])
PROGRESS = Gauge(
    "wordbrush_last_progress_timestamp_seconds",
    "When the stage last got on; at first, when it began",
    STAGE,
)
WAITED = Counter(
    "wordbrush_data_wait_seconds", "Time in which a training step waited for its data", STAGE
)
CHECKPOINT = Gauge(
    "wordbrush_checkpoint_timestamp_seconds", "When this run last kept a checkpoint", STAGE
)
EDITS = Counter("wordbrush_edits", "Pictures edited", STAGE)
CHANGED = Counter("wordbrush_edits_changed", "Edits after which the picture differs", STAGE)
LOSS = Gauge("wordbrush_loss", "Loss of a network, or of the whole", [*STAGE, "name"])
LEARNING_RATE = Gauge("wordbrush_learning_rate", "Learning rate of the last step", STAGE)
RECALL = Gauge(
    "wordbrush_validation_recall_ratio",
    "Share of validation pairs found among the first k",
    [*STAGE, "k"],
)
RESOLUTION = Gauge(
    "wordbrush_gan_resolution_pixels",
    "Width of the pictures at the level that the GAN has grown to",
    STAGE,
)
FADE = Gauge("wordbrush_gan_fade_ratio", "How far that level is faded in", STAGE)

# What a loop notes by name: the metric, its further labels, and the factor to its base unit.
# Other names are shown to people only.
FIGURES: dict[str, tuple[Gauge, tuple[str, ...], float]] = {
    "loss": (LOSS, ("all",), 1.0),
    "G": (LOSS, ("generator",), 1.0),
    "D": (LOSS, ("discriminator",), 1.0),
    "learning_rate": (LEARNING_RATE, (), 1.0),
    "recall_10": (RECALL, ("10",), 0.01),
    "resolution": (RESOLUTION, (), 1.0),
    "fade": (FADE, (), 1.0),
}


class _Running:
    labels: tuple[str, str] = ("", "")  # stage and mining of this process


def running() -> tuple[str, str]:
    """The labels of the stage that runs here."""
    return _Running.labels


def serve(stage: str, mining: str) -> None:
    """Label metrics with this stage from now on, and serve them if the environment asks for it."""
    _Running.labels = stage, mining
    PROGRESS.labels(stage, mining).set_to_current_time()
    listen("0.0.0.0")


def listen(address: str) -> None:
    """Serve metrics there, if the environment asks for it.

    A port in use is one line on stderr, not an error. Raises WordbrushError for what is no port.
    """
    port = variable(PORT_VARIABLE)
    if port and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise WordbrushError(
            f"{PORT_VARIABLE} is {port!r}; a port number from 1 to 65535 is needed."
        )
    if port:
        try:
            start_http_server(int(port), address)
        except OSError as error:
            print(
                f"metrics are not served: {error.strerror or error} (port {port}); choose another "
                f"{PORT_VARIABLE}.",
                file=sys.stderr,
                flush=True,
            )


class Work:
    """The units of one task: `done` of them by the runs before, `total` in all."""

    def __init__(self, task: str, unit: str, total: float, done: float):
        labels = (*running(), task, unit)
        EXPECTED.labels(*labels).set(total)
        self.units, self.progress = UNITS.labels(*labels), PROGRESS.labels(*running())
        self.advance(done)

    def advance(self, amount: float) -> None:
        self.units.inc(amount)
        self.progress.set_to_current_time()


def figures(values: Mapping[str, float]) -> None:
    """The newest values of what FIGURES names."""
    for name in values.keys() & FIGURES.keys():
        gauge, labels, factor = FIGURES[name]
        gauge.labels(*running(), *labels).set(factor * values[name])


def edited(pictures: int, changed: int) -> None:
    """So many pictures were edited, and so many differ."""
    EDITS.labels(*running()).inc(pictures)
    CHANGED.labels(*running()).inc(changed)


def checkpoint_kept() -> None:
    CHECKPOINT.labels(*running()).set_to_current_time()


@contextmanager
def waiting_for_data() -> Iterator[None]:
    """Within, a training step waits for its data."""
    began = time.perf_counter()
    try:
        yield
    finally:
        WAITED.labels(*running()).inc(time.perf_counter() - began)
