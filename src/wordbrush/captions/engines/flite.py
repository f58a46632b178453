"""flite, by the program of Debian's package: diphones (kal16) and statistical voices."""

import re
from functools import cached_property

from wordbrush.captions.engines.interface import Spoken, played_higher
from wordbrush.captions.engines.programs import recorded, require_program, run
from wordbrush.captions.engines.wheels import Part
from wordbrush.errors import WordbrushError

VOICES = ("awb", "kal16", "rms", "slt")  # awb_time can tell the time only; kal is kal16 at 8 kHz


class Flite:
    """Tempo by stretching durations; pitch by playing faster, as not all voices let it be set."""

    name = "flite"
    package = "apt-get install flite"

    @cached_property
    def program(self) -> str:
        return require_program("flite", self.package)

    def voices(self) -> tuple[str, ...]:
        listed = run([self.program, "-lv"]).split()
        return tuple(voice for voice in VOICES if voice in listed)

    @cached_property
    def _version(self) -> str:
        told = run([self.program, "--version"], codes=(0, 1))
        found = re.search(r"version:(.*)", told)
        if found is None:
            raise WordbrushError(
                f"{self.program} tells no version, so it may be another program: {self.package}."
            )
        return found[1].strip()

    def version(self, voice: str) -> str:
        return self._version

    def parts(self, voice: str) -> tuple[Part, ...]:
        return ()

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        stretch = f"duration_stretch={pitch / tempo}"
        sound, rate, _ = recorded(
            lambda file: [
                self.program, "-voice", voice, "--setf", stretch, "-t", text, "-o", str(file)
            ]
        )  # fmt: skip
        return played_higher(Spoken(sound, rate), pitch)
