"""SVOX Pico, as the wheel py-nanotts brings it with its voices."""

import sys
from importlib.metadata import version
from pathlib import Path

from wordbrush.captions.engines.interface import Spoken
from wordbrush.captions.engines.programs import recorded
from wordbrush.errors import optional_packages

with optional_packages():
    import py_nanotts

RATE = 16000
VOICES = ("en-GB", "en-US", "de-DE", "es-ES")  # of languages that probe.py can check
# It remembers what it said before, so each text has a process of its own: its bytes depend on
# nothing else, and a crash is a message.
PROGRAM = """
import sys, wave
from py_nanotts import NanoTTS
text, voice, tempo, pitch, rate, file = sys.argv[1:]
with wave.open(file, "wb") as sound:
    sound.setnchannels(1)
    sound.setsampwidth(2)
    sound.setframerate(int(rate))
    sound.writeframes(
        NanoTTS().speak(text, voice=voice, speed=float(tempo), pitch=float(pitch))
    )
"""


class Pico:
    """Tempo and pitch are its own."""

    name = "pico"
    package = "pip install 'wordbrush[engines]'"

    def voices(self) -> tuple[str, ...]:
        folder = Path(py_nanotts.__file__).parent / "lang"
        return tuple(voice for voice in VOICES if len(list(folder.glob(f"{voice}_*.bin"))) == 2)

    def version(self, voice: str) -> str:
        return version("py-nanotts")

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        numbers = (str(tempo), str(pitch), str(RATE))
        sound, rate, _ = recorded(
            lambda file: [sys.executable, "-c", PROGRAM, text, voice, *numbers, str(file)]
        )
        return Spoken(sound, rate)
