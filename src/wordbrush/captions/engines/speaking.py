"""One sentence by one engine: spoken once, checked, trimmed, with word times, at 16 kHz."""

import threading

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE, decode, encode, resample
from wordbrush.captions.engines import cache
from wordbrush.captions.engines.alignment import carried_over
from wordbrush.captions.engines.interface import (
    NATURAL_PITCH,
    NATURAL_RATE,
    PAUSE,
    Spoken,
    pitch_of,
    tempo_of,
)
from wordbrush.captions.engines.reference import rendering
from wordbrush.captions.engines.table import language_of_voice, require_voice, version_of
from wordbrush.errors import WordbrushError
from wordbrush.params import RECORDINGS, engine_of_voice

FRAME = 160  # samples: silence is found in frames of 10 ms
QUIET = 10 ** (-50 / 20)  # of the loudest frame; the weakest consonants are louder
KEPT = 3  # frames of silence that stay at either end
# Of the time that espeak-ng needs; a word alone may also be drawn out (docs/speech.md).
SHORTEST, LONGEST, DRAWN_OUT = 0.4, 2.0, 0.5  # the last in seconds

_lock = threading.Lock()  # no engine says that it may be used by two threads


def speak_by(name: str, text: str, rate: int, pitch: int) -> tuple[np.ndarray, list[dict]]:
    """Speech float32 [S] at 16 kHz without silence around, and words with start and end in seconds.

    name: of a voice, with its engine: flite/slt. rate, pitch: as espeak-ng counts them; recordings
    are taken as they are.
    Raises WordbrushError where the engine or the voice is missing, the engine fails, or what it
    said cannot be the text.
    """
    if engine_of_voice(name) == RECORDINGS:
        rate, pitch = NATURAL_RATE, NATURAL_PITCH
    with _lock:
        if (before := kept(name, text, rate, pitch)) is not None:
            return before
        engine, voice = require_voice(name)
        known = rendering(text, rate, language_of_voice(name))
        spoken = engine.speak(text, voice, tempo_of(rate), pitch_of(pitch))
        sound, words = finished(spoken, known, name, text)
        flac = encode(sound)
        cache.write(_entry(name, text, rate, pitch), flac, words)
    return decode(flac, "speech"), words  # as the cache gives it later


def kept(name: str, text: str, rate: int, pitch: int) -> tuple[np.ndarray, list[dict]] | None:
    """What `speak_by` gave for the same before, if it is still in the cache."""
    return cache.read(_entry(name, text, rate, pitch))


def _entry(name: str, text: str, rate: int, pitch: int) -> cache.Entry:
    engine, voice = require_voice(name)
    return cache.Entry(engine.name, voice, version_of(name), text, rate, pitch)


def finished(
    spoken: Spoken, rendered: tuple[np.ndarray, list[dict]], name: str, text: str
) -> tuple[np.ndarray, list[dict]]:
    """16 kHz, no silence around, and word times. Raises WordbrushError for what is no speech.

    rendered: the same text as espeak-ng says it.
    """
    if not np.isfinite(spoken.sound).all() or not spoken.sound.any():
        raise WordbrushError(f"{name} says nothing for the text {text!r:.60}.")
    whole = resample(spoken.sound.astype(np.float32), spoken.rate)
    first, stop = speech_within(whole)
    sound = whole[first:stop]
    known, known_words = rendered
    require_length(len(sound), len(known), name, text)
    if spoken.words is None:
        words, _ = carried_over(known_words, known, sound)
    else:
        words = spoken.words
    shift = first / SAMPLE_RATE if spoken.words is not None else 0.0
    length = len(sound) / SAMPLE_RATE
    timed = [
        {
            "word": word["word"].rstrip(PAUSE),
            "start": round(min(max(word["start"] - shift, 0.0), length), 3),
            "end": round(min(max(word["end"] - shift, 0.0), length), 3),
        }
        for word in words
    ]
    return np.clip(sound, -1, 1), timed


def speech_within(sound: np.ndarray) -> tuple[int, int]:
    """The samples from which and to which a sound is not silent."""
    frames = sound[: len(sound) // FRAME * FRAME].reshape(-1, FRAME)
    levels = np.sqrt((frames**2).mean(1))
    if not levels.any():
        return 0, len(sound)
    loud = np.flatnonzero(levels > QUIET * levels.max())
    return max(0, loud[0] - KEPT) * FRAME, min(len(sound), (loud[-1] + 1 + KEPT) * FRAME)


def require_length(samples: int, expected: int, name: str, text: str) -> None:
    """Raises WordbrushError where speech is too short or too long for its text.

    An engine that reads letters, spells numbers or stops early is heard by this.
    """
    longest = LONGEST * expected + DRAWN_OUT * SAMPLE_RATE
    if not SHORTEST * expected <= samples <= longest:
        raise WordbrushError(
            f"{name} speaks {text!r:.60} for {samples / SAMPLE_RATE:.2f} seconds, and espeak-ng "
            f"for {expected / SAMPLE_RATE:.2f}: it may read letters, or stop early. Write the "
            "words as they are said, or use another voice."
        )
