"""Speech by espeak-ng: the library and its voices come bundled with the package espeakng_loader."""

import ctypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE, resample
from wordbrush.errors import WordbrushError, optional_packages

with optional_packages():
    import espeakng_loader

# espeak_ng.h: AUDIO_OUTPUT_RETRIEVAL, espeakCHARS_UTF8
RETRIEVAL, CHARS_UTF8, PHONEMES_OFF = 1, 1, 0
RATE, PITCH = 1, 3  # espeakRATE, espeakPITCH
LIST_TERMINATED, WORD, END_PAUSE = 0, 1, 0x1000  # event types; espeakENDPAUSE is left off


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    ]


Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


@dataclass(frozen=True)
class Voice:
    """An espeak-ng voice, as in 'en-us+f2'; words a minute; pitch from 0 to 99."""

    name: str
    rate: int
    pitch: int

    @property
    def language(self) -> str:
        """The language of the voice, without region and speaker: en-us+f2 -> en."""
        return self.name.partition("+")[0].partition("-")[0]


@dataclass(frozen=True)
class Utterance:
    """Speech at 16 kHz, float32 in [-1, 1], and where each word lies, in seconds."""

    sound: np.ndarray
    words: list[dict]


class Engine:
    """One espeak-ng, one per process.

    It keeps the phase of its oscillators from one utterance to the next, even through a restart:
    the bytes of an utterance depend on those before it in the process. For the same bytes, the same
    lines must be spoken in the same order, as `recite` does.
    """

    def __init__(self) -> None:
        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.pieces: list[np.ndarray] = []
        self.events: list[tuple[int, int, int]] = []
        self.callback = Callback(self._collect)  # kept: espeak holds only a pointer
        data = espeakng_loader.get_data_path()
        self.own_rate = self.library.espeak_Initialize(RETRIEVAL, 500, str(data).encode(), 0)
        if self.own_rate <= 0:
            raise WordbrushError(
                f"espeak-ng does not start with its data in {data}; run make setup again."
            )
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath and vibrato
        self.library.espeak_SetSynthCallback(self.callback)

    def _collect(
        self,
        samples: "ctypes._Pointer[ctypes.c_short]",
        count: int,
        events: "ctypes._Pointer[Event]",
    ) -> int:
        if samples and count:
            self.pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        number = 0
        while events[number].type != LIST_TERMINATED:
            event = events[number]
            if event.type == WORD:
                self.events.append((event.text_position, event.length, event.audio_position))
            number += 1
        return 0

    def speak(self, text: str, voice: Voice) -> Utterance:
        """Raises WordbrushError for a voice that espeak-ng does not have."""
        if self.library.espeak_SetVoiceByName(voice.name.encode()) != 0:
            raise WordbrushError(f"captions: there is no voice {voice.name!r}; {known_voices()}")
        self.library.espeak_SetParameter(RATE, voice.rate, 0)
        self.library.espeak_SetParameter(PITCH, voice.pitch, 0)
        self.pieces.clear()
        self.events.clear()
        encoded = text.encode()
        self.library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, CHARS_UTF8, None, None)
        self.library.espeak_Synchronize()
        own = np.concatenate(self.pieces).astype(np.float32) / 32768
        sound = resample(own, self.own_rate)
        return Utterance(sound, self._timings(text, len(sound) / SAMPLE_RATE))

    def _timings(self, text: str, seconds: float) -> list[dict]:
        """Words with start and end: each lasts until the next begins."""
        begins = [position / 1000 for _, _, position in self.events]
        ends = [*begins[1:], seconds]
        return [
            {
                "word": text[at - 1 : at - 1 + length],
                "start": round(begin, 3),
                "end": round(max(begin, end), 3),
            }
            for (at, length, _), begin, end in zip(self.events, begins, ends, strict=True)
        ]


@cache
def engine() -> Engine:
    return Engine()


def speak(text: str, voice: Voice) -> Utterance:
    """Speak with this process's engine."""
    return engine().speak(text, voice)


@cache
def variants() -> frozenset[str]:
    """The names after the '+': speakers such as m1 and f2."""
    return frozenset(
        path.name for path in (Path(espeakng_loader.get_data_path()) / "voices/!v").iterdir()
    )


@cache
def languages() -> frozenset[str]:
    """The names before the '+', in lower case: en, en-us, de, …"""
    files = (
        path
        for path in (Path(espeakng_loader.get_data_path()) / "lang").rglob("*")
        if path.is_file()
    )
    return frozenset(path.name.lower() for path in files)


def known_voices() -> str:
    """A sentence on what can be named."""
    return (
        f"use a language ({', '.join(sorted(languages()))}), with or without a speaker after a + "
        f"({', '.join(sorted(variants()))})."
    )


def check_voice(name: str) -> None:
    """Raises WordbrushError for a language or speaker that does not exist.

    espeak-ng itself would quietly take another.
    """
    language, plus, variant = name.partition("+")
    if language not in languages() or (plus and variant not in variants()):
        raise WordbrushError(f"captions: there is no voice {name!r}; {known_voices()}")
