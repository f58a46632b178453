"""hibari's voice heart, a small network that was taught by Kokoro, as its wheel brings it.

Its four other voices are downloads, which the package makes by itself, so they are not offered.
"""

from functools import cached_property

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
from wordbrush.captions.engines.reference import ipa_words
from wordbrush.captions.engines.wheels import Part, checked, folder_of
from wordbrush.errors import optional_packages

SHA256 = "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8"
VOCABULARY_SHA256 = "70abefbe8a1c8865e43e0a43bbdc25b91a33e4aa053479d443ccf23e20a59e5d"
RATE, SYMBOL_HOP = 24000, 600  # samples of a step of durations: two frames
LATE = 3 * SYMBOL_HOP / RATE  # as of Kokoro, whose durations it learned
DURATIONS = "/Clip_output_0"


class Hibari:
    """Tempo is its own; pitch by playing faster."""

    name = "hibari"
    package = "pip install 'wordbrush[engines]'"

    def __init__(self) -> None:
        self.folder = folder_of("hibari", self.package) / "assets"
        self.model = Part((self.folder / "hibari.onnx",), SHA256)
        self.vocabulary = Part((self.folder / "vocab.json",), VOCABULARY_SHA256)
        self.known: dict[str, list[int]] = {
            symbol: [number] for symbol, number in read_vocabulary(self.vocabulary).items()
        }

    def voices(self) -> tuple[str, ...]:
        return ("heart",)

    def version(self, voice: str) -> str:
        return installed_version("hibari-tts")

    def parts(self, voice: str) -> tuple[Part, ...]:
        return self.vocabulary, self.model

    @cached_property
    def network(self) -> Network:
        return Network(checked(self.model), DURATIONS, "hibari's network")

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        with optional_packages():
            from hibari.dsp import synth

        pairs = [(words, misaki(ipa, british=False)) for words, ipa in ipa_words(text)]
        numbers, spans = symbols(pairs, self.known)
        *spectrum, durations = self.network.run(
            ids=np.array([[0, *numbers, 0]]), speed=np.array([tempo / pitch], np.float32)
        )
        noise = np.random.default_rng(0)
        sound = synth(*(part[0] for part in spectrum), noise)
        words = timed_words(spans, durations.ravel(), SYMBOL_HOP / RATE, shift=1, late=LATE)
        return played_higher(Spoken(sound.astype(np.float32), RATE, words), pitch)
