"""MBROLA's diphone voices, of Debian's non-free archive, with espeak-ng's own program for words.

Their licence forbids commercial and military use, so no default names them.
"""

from functools import cached_property
from math import log2
from pathlib import Path

from wordbrush.captions.engines.interface import NATURAL_PITCH, NATURAL_RATE, OCTAVE, Spoken
from wordbrush.captions.engines.programs import recorded, require_program, run
from wordbrush.captions.engines.wheels import Part

FOLDER = Path("/usr/share/mbrola")
VOICES = ("en1", "us1", "us2", "us3")


class Mbrola:
    """Tempo and pitch are espeak-ng's own."""

    name = "mbrola"
    package = (
        "apt-get install espeak-ng mbrola mbrola-en1 mbrola-us1 mbrola-us2 mbrola-us3 "
        "(Debian's non-free)"
    )

    @cached_property
    def program(self) -> str:
        return require_program("espeak-ng", self.package)

    def voices(self) -> tuple[str, ...]:
        require_program("mbrola", self.package)
        return tuple(voice for voice in VOICES if (FOLDER / voice / voice).is_file())

    @cached_property
    def _version(self) -> str:
        return run([self.program, "--version"]).split(" Data at")[0].strip()

    def version(self, voice: str) -> str:
        return f"{self._version}, {(FOLDER / voice / voice).stat().st_size} bytes of voice"

    def parts(self, voice: str) -> tuple[Part, ...]:
        return ()

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        rate, height = round(NATURAL_RATE * tempo), round(NATURAL_PITCH + OCTAVE * log2(pitch))
        sound, own, _ = recorded(
            lambda file: [
                self.program, "-v", f"mb-{voice}", "-s", str(rate), "-p", str(height),
                "-w", str(file), "--", text,
            ]
        )  # fmt: skip
        return Spoken(sound, own)
