"""The library espeak-ng, as the package espeakng_loader brings it, through ctypes.

It keeps its state in variables of the library: one thread at a time may use an `Engine`, and a
process one `Engine` (`voices.speak` sees to both).
"""

import _ctypes
import ctypes
import os
import sys
from collections.abc import Iterator

import numpy as np

from wordbrush.errors import WordbrushError, optional_packages

with optional_packages():
    import espeakng_loader

BUFFER_MS = 500  # of sound, which espeak-ng hands over at a time
CHARS_UTF8 = 1  # espeak_ng.h: espeakCHARS_UTF8
RATE, PITCH = 1, 3  # espeakRATE, espeakPITCH
LIST_TERMINATED, WORD, PHONEME = 0, 1, 7  # event types; espeakENDPAUSE is left off
SYNCHRONOUS = 2  # speak_lib.h: AUDIO_OUTPUT_SYNCHRONOUS
PHONES_IN_IPA = 0x0001 | 0x0002 | 0x8000  # espeakINITIALIZE_PHONEME_EVENTS, _IPA, DONT_EXIT
STRESS = "ˈˌ"
PATH_BYTES = 159  # speech.h: N_PATH_HOME is 160, with the closing zero; what is longer is cut
LONGEST_WORD = 31  # characters: the length of a word has five bits (synthesize.c)
IPA, TIES = 2, 0x80 | ord("^") << 8  # speak_lib.h: phonememode of espeak_TextToPhonemes


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


class Engine:
    """One espeak-ng.

    It keeps the phase of its oscillators from one utterance to the next, even through a restart:
    the bytes of an utterance depend on those before it in the process. For the same bytes, the same
    lines must be spoken in the same order, as `recite` does.

    fresh: load the library a second time, where a process that this one was forked from has loaded
    it. A fork copies the state of the library, maybe in the middle of an utterance, but not the
    thread that makes its sound.
    phones: tell when each phone of the last utterance is said, too (`phones`).
    """

    def __init__(self, fresh: bool = False, phones: bool = False) -> None:
        """Raises WordbrushError where the library does not load, or not start."""
        self.library, self.copy = load(fresh)
        self.pieces: list[np.ndarray] = []
        self.events: list[tuple[int, int, int]] = []
        self.phone_events: list[tuple[str, int]] = []
        self.callback = Callback(self._collect)  # kept: espeak-ng holds only a pointer
        self._start(espeakng_loader.get_data_path())
        if phones:  # has no function of its own; after `_start` nothing can be wrong any more
            data = reachable(espeakng_loader.get_data_path())
            self.library.espeak_Initialize(SYNCHRONOUS, BUFFER_MS, data, PHONES_IN_IPA)
        self.rate = self.library.espeak_ng_GetSampleRate()
        self.library.espeak_ng_SetRandSeed(ctypes.c_long(1))  # breath and vibrato
        self.library.espeak_SetSynthCallback(self.callback)

    def _start(self, data: str) -> None:
        """What espeak_Initialize does, which would end the process where anything is wrong."""
        self.library.espeak_ng_InitializePath(reachable(data))
        context = ctypes.c_void_p()
        status = self.library.espeak_ng_Initialize(ctypes.byref(context))
        if status == 0:
            status = self.library.espeak_ng_InitializeOutput(0, BUFFER_MS, None)
        if status != 0:
            reason = ctypes.create_string_buffer(512)
            self.library.espeak_ng_GetStatusCodeMessage(status, reason, len(reason))
            raise WordbrushError(
                f"espeak-ng does not start with its data in {data} "
                f"({reason.value.decode(errors='replace')}): run make setup again."
            )

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
            elif event.type == PHONEME:
                name = event.id.decode(errors="replace").strip(STRESS)
                self.phone_events.append((name, event.audio_position))
            number += 1
        return 0

    def set_voice(self, name: str) -> bool:
        """Whether espeak-ng has a voice that it takes for this name; case does not count."""
        return self.library.espeak_SetVoiceByName(name.encode()) == 0

    def speak(self, text: str, rate: int, pitch: int) -> tuple[np.ndarray, list[dict]]:
        """The sound, float32 [S] at `self.rate`, and its words with their beginnings in seconds.

        Both may be empty. Raises WordbrushError where espeak-ng refuses the text.
        """
        self.library.espeak_SetParameter(RATE, rate, 0)
        self.library.espeak_SetParameter(PITCH, pitch, 0)
        self.pieces.clear()
        self.events.clear()
        self.phone_events.clear()
        encoded = text.encode()
        try:
            status = self.library.espeak_Synth(
                encoded, len(encoded) + 1, 0, 1, 0, CHARS_UTF8, None, None
            )
        finally:  # its thread must be done before the next call, whatever interrupts this one
            self.library.espeak_Synchronize()
        if status != 0:
            raise WordbrushError(f"espeak-ng cannot speak the text {text[:60]!r} (error {status}).")
        pieces = self.pieces or [np.empty(0, np.short)]
        return np.concatenate(pieces).astype(np.float32) / 32768, list(self._words(text))

    def phones(self) -> list[dict]:
        """The phones of the last utterance, in IPA without stress, with start and end in seconds.

        Pauses are left out, and phones without a time of their own, such as the l that ends `ball`.
        Only of engines that were made to tell phones.
        """
        whole = round(1000 * sum(map(len, self.pieces)) / self.rate)
        stops = [*(position for _, position in self.phone_events[1:]), whole]
        return [
            {"phone": name, "start": start / 1000, "end": stop / 1000}
            for (name, start), stop in zip(self.phone_events, stops, strict=False)
            if name and stop > start
        ]

    def ipa(self, text: str, ties: bool = False) -> str:
        """What would be spoken, as IPA with spaces between words; some words have none between.

        ties: with ^ between the letters of one phoneme, as in t^ʃ.
        """
        function = self.library.espeak_TextToPhonemes
        function.restype = ctypes.c_char_p
        function.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        rest, clauses = ctypes.c_char_p(text.encode()), []
        while rest.value:  # the library moves the pointer by one clause
            mode = IPA | TIES if ties else IPA
            clauses.append((function(ctypes.byref(rest), CHARS_UTF8, mode) or b"").decode())
        return " ".join(clauses)

    def close(self) -> None:
        """End an engine that was loaded as `fresh`, and free its memory."""
        self.library.espeak_Terminate()
        _ctypes.dlclose(self.library._handle)
        if self.copy is not None:
            os.close(self.copy)

    def _words(self, text: str) -> Iterator[dict]:
        for position, length, milliseconds in self.events:
            first = position - 1
            stop = first + length
            while length == LONGEST_WORD and stop < len(text) and text[stop].isalnum():
                stop += 1
            yield {"word": text[first:stop], "start": milliseconds / 1000}


def load(fresh: bool) -> tuple[ctypes.CDLL, int | None]:
    """The library, and the descriptor of its file if that is a copy.

    fresh: a copy, with variables of its own: the loader takes the same file for the same library.
    Raises WordbrushError where the library does not load.
    """
    path = espeakng_loader.get_library_path()
    copy = copied(path) if fresh else None
    try:
        return ctypes.CDLL(path if copy is None else f"/proc/self/fd/{copy}"), copy
    except OSError as error:
        raise WordbrushError(f"espeak-ng does not load ({error}): run make setup again.") from None


def copied(path: str) -> int:
    """The descriptor of a copy of a file in memory: no other copy has its path.

    Raises WordbrushError where the system has no such files.
    """
    if sys.platform != "linux":
        raise WordbrushError(
            "a process needs a second espeak-ng, as it was forked from one that spoke or speaks "
            "with another engine, and only Linux can load one: start processes by "
            "multiprocessing.get_context('spawn'), and use voices of espeak-ng."
        )
    copy = os.memfd_create(os.path.basename(path))
    with open(path, "rb") as library, open(copy, "wb", closefd=False) as memory:
        memory.write(library.read())
    return copy


def reachable(data: str) -> bytes:
    """A path of the folder `data` that is short enough for espeak-ng.

    Raises WordbrushError where there is none. The short path names a descriptor, which stays open:
    espeak-ng opens the files of voices when they are first asked for.
    """
    path = os.fsencode(data)
    if len(path) <= PATH_BYTES:
        return path
    if sys.platform == "linux" and os.path.isdir(data):
        short = f"/proc/self/fd/{os.open(data, os.O_RDONLY | os.O_DIRECTORY)}"
        if os.path.isdir(short):
            return short.encode()
    raise WordbrushError(
        f"espeak-ng reads its data at a path of at most {PATH_BYTES} bytes, but {data} has "
        f"{len(path)}: move the environment to a folder with a shorter path."
    )
