"""SVOX Pico, as the wheel py-nanotts brings it with its voices."""

import sys
from importlib.metadata import version
from pathlib import Path

from wordbrush.captions.engines.interface import Spoken
from wordbrush.captions.engines.programs import recorded
from wordbrush.captions.engines.wheels import Part
from wordbrush.errors import optional_packages

with optional_packages():
    import py_nanotts

RATE = 16000
VOICES = {  # of languages that probe.py can check: the SHA-256 of each one's two files, joined
    "en-GB": "94084c0af7a4ac3d20005e46012d778c9be4c3f9cd9056d8e454a8afbd50efb1",
    "en-US": "450b9c0140c545001f4dcb55504e55863e8842ec04c55f5e56c9b720b7c4b259",
    "de-DE": "a89ddcb1486608d847461235360b67af5ac4eab733db7e29c692e622e4e1632a",
    "es-ES": "1cd6038378433a00215166b23562a558fbdfbfb4273b8f6f9c616a28f0ca9e27",
}
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
        return tuple(voice for voice in VOICES if len(files_of(voice)) == 2)

    def version(self, voice: str) -> str:
        return version("py-nanotts")

    def parts(self, voice: str) -> tuple[Part, ...]:
        return (Part(files_of(voice), VOICES[voice]),)

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        numbers = (str(tempo), str(pitch), str(RATE))
        sound, rate, _ = recorded(
            lambda file: [sys.executable, "-c", PROGRAM, text, voice, *numbers, str(file)]
        )
        return Spoken(sound, rate)


def files_of(voice: str) -> tuple[Path, ...]:
    """What its language needs, and the speaker."""
    return tuple(sorted((Path(py_nanotts.__file__).parent / "lang").glob(f"{voice}_*.bin")))
