"""What is heard of a drawing when each of its objects is struck once, somewhere in a room.

A seed and the number of the drawing decide the order of the objects, and for each strike its place
and force; then the room, and the noise. All ranges are ours, as wide as rooms and microphones
differ.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from multiprocessing import get_context

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import optional_packages
from wordbrush.scenes.impacts import LENGTH, struck_in_turn
from wordbrush.telemetry.progress import track
from wordbrush.training.workers import Task, one_thread, ordered

with optional_packages():
    from scipy.signal import fftconvolve

STRUCK = 11  # the random stream of strikes, beside those of captions
REVERBERATION = 0.1, 0.6  # seconds in which a room's echo falls by 60 dB
ECHO_DB = -30.0, -10.0  # the energy of the echo beside that of the sound itself
NOISE_DB = -60.0, -30.0  # white noise, beside full scale
CHUNK = 16  # drawings that a worker is given at a time

Objects = Sequence[Mapping[str, str]]


def struck(objects: Objects, seed: int, number: int) -> np.ndarray:
    """The sound float32 [S] at 16 kHz of the objects of the drawing with this number.

    Without objects there is nothing but noise.
    """
    rng = np.random.default_rng([seed, STRUCK, number])
    if not objects:
        return noisy(np.zeros(round(LENGTH * SAMPLE_RATE), np.float32), rng)
    order = rng.permutation(len(objects))
    sound, _ = struck_in_turn([objects[at] for at in order], rng)
    return noisy(in_room(sound, rng), rng)


def in_room(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sound [S] with the echo of a room that is drawn: noise that dies away (Polack 1988)."""
    seconds = rng.uniform(*REVERBERATION)
    times = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    echo = rng.normal(size=len(times)) * 10 ** (-3 * times / seconds)
    echo *= 10 ** (rng.uniform(*ECHO_DB) / 20) / np.linalg.norm(echo)
    echo[0] += 1.0  # the sound itself
    heard = fftconvolve(sound, echo)
    return (heard * np.abs(sound).max() / np.abs(heard).max()).astype(np.float32)


def noisy(sound: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sound [S] with white noise, so far below full scale as is drawn."""
    level = 10 ** (rng.uniform(*NOISE_DB) / 20)
    return (sound + level * rng.normal(size=len(sound))).astype(np.float32)


def struck_frames(
    drawings: Sequence[Objects], numbers: Sequence[int], seed: int, config: FeatureConfig
) -> Iterator[np.ndarray]:
    """The log-mels float16 [T, bands] of drawings and their numbers, in order, by all cores."""
    task = Task(
        partial(frames_of, seed, config),
        lambda item: f"striking the objects of drawing {item[0]}",
        CHUNK,
        prepare=one_thread,
    )
    items = list(zip(numbers, drawings, strict=True))
    results = ordered(task, items, get_context("spawn"))
    yield from track(results, "striking objects", len(items), "drawing")


def frames_of(seed: int, config: FeatureConfig, item: tuple[int, Objects]) -> np.ndarray:
    """The log-mels of a drawing, by its number and its objects."""
    number, objects = item
    return log_mel(with_silence(struck(objects, seed, number), config), config)
