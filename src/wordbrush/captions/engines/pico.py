"""SVOX Pico, as the wheel py-nanotts brings it with its voices."""

from importlib.metadata import version
from pathlib import Path

import numpy as np

from wordbrush.captions.engines.interface import Spoken
from wordbrush.errors import WordbrushError, optional_packages

with optional_packages():
    import py_nanotts

RATE = 16000
VOICES = ("en-GB", "en-US")


class Pico:
    """Tempo and pitch are its own."""

    name = "pico"
    package = "pip install 'wordbrush[engines]'"

    def __init__(self) -> None:
        self.synthesiser = py_nanotts.NanoTTS()

    def voices(self) -> tuple[str, ...]:
        folder = Path(py_nanotts.__file__).parent / "lang"
        return tuple(voice for voice in VOICES if len(list(folder.glob(f"{voice}_*.bin"))) == 2)

    def version(self, voice: str) -> str:
        return version("py-nanotts")

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        try:
            samples = self.synthesiser.speak(text, voice=voice, speed=tempo, pitch=pitch)
        except (RuntimeError, ValueError, OSError) as error:
            raise WordbrushError(f"pico cannot speak {text!r:.60}: {error}.") from None
        return Spoken(np.frombuffer(samples, "<i2").astype(np.float32) / 32768, RATE)
