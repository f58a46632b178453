"""Many lines spoken by many processes; the bytes do not depend on how many."""

from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import kept
from wordbrush.captions.engines.table import use_recordings
from wordbrush.captions.lines import Line
from wordbrush.captions.voices import speak
from wordbrush.params import ESPEAK, Captions, engine_of_voice
from wordbrush.telemetry.progress import track
from wordbrush.training.workers import Task, one_thread, ordered

OTHERS_PER_PROCESS = 16  # lines of other engines: a slow one then uses all cores for few lines

Recited = tuple[bytes, list[dict], np.ndarray]
"""FLAC, the words with start and end in seconds, and log-mel features float16 [T, bands]."""


def recite(lines: list[Line], captions: Captions, title: str, first: int = 0) -> Iterator[Recited]:
    """Speak every line from `first` on, on all cores, and yield them in order.

    A fresh process speaks every `lines_per_process` lines, of which `first` is a multiple:
    espeak-ng remembers what it said before, so the bytes of a line depend on the lines before it in
    its process. Where none of the voices is espeak-ng's, the bytes do not depend on it.
    """
    remembering = any(engine_of_voice(line.voice.name) == ESPEAK for line in lines)
    processes = get_context("forkserver")
    processes.set_forkserver_preload([__name__, "scipy.signal"])
    task = Task(
        partial(recite_one, captions),
        lambda line: f"speaking {line.text!r} in the voice {line.voice.name}",
        captions.lines_per_process if remembering else OTHERS_PER_PROCESS,
        fresh=True,
        prepare=partial(_prepare, captions.recordings),
    )
    yield from track(ordered(task, lines[first:], processes), title, len(lines), "caption", first)


def _prepare(recordings: str | None) -> None:
    """In a worker: one thread, and the folder of people's recordings."""
    one_thread()
    use_recordings(recordings)


def recite_one(captions: Captions, line: Line) -> Recited:
    """Speak one line, with silence before and after."""
    utterance = speak(line.text, line.voice)
    return kept(utterance.sound, utterance.words, FeatureConfig.taken_from(captions))


def row(number: int, split: str, line: Line, sound: bytes, words: list[dict]) -> dict:
    """A row of data/speech, as data.recordings.SCHEMA has it."""
    return {
        "audio": {"bytes": sound, "path": f"{number:06d}.flac"},
        "sample": number,
        "image": number,
        "split": split,
        "text": line.text,
        "words": words,
        "language": line.voice.language,
        "voice": line.voice.name,
        "rate": line.voice.rate,
        "pitch": line.voice.pitch,
    }
