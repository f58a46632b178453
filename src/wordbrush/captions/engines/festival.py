"""festival, by the program of Debian's packages: diphones and an HTS voice."""

import json
import re
from functools import cached_property
from pathlib import Path

from wordbrush.captions.engines.interface import Spoken, played_higher
from wordbrush.captions.engines.programs import recorded, require_program, run
from wordbrush.captions.engines.wheels import Part

VOICES = {  # our name: festival's own
    "kal": "kal_diphone",
    "ked": "ked_diphone",
    "slt": "cmu_us_slt_arctic_hts",
}
FOLDERS = ("/usr/share/festival/voices", "/usr/lib/festival/voices")
WORD = re.compile(r'\("((?:[^"\\]|\\.)*)" ([\d.eE+-]+) ([\d.eE+-]+)\)')
SCRIPT = """
(voice_{voice})
(Parameter.set 'Duration_Stretch {stretch})
{more}
(set! spoken (utt.synth (Utterance Text {text})))
(utt.save.wave spoken {file} 'riff)
(print (utt.features spoken 'Word '(name word_start word_end)))
"""
# The statistical voice does not look at Duration_Stretch.
HTS_TEMPO = '(set! hts_engine_params (append hts_engine_params \'(("-r" {tempo}))))'


class Festival:
    """Tempo is its own; pitch by playing faster, and speaking more slowly."""

    name = "festival"
    package = (
        "apt-get install festival festlex-cmu festlex-poslex festvox-kallpc16k "
        "festvox-kdlpc16k festvox-us-slt-hts"
    )

    @cached_property
    def program(self) -> str:
        return require_program("festival", self.package)

    def voices(self) -> tuple[str, ...]:
        require_program("festival", self.package)
        return tuple(voice for voice in VOICES if self._folder(voice) is not None)

    def _folder(self, voice: str) -> Path | None:
        found = (path for folder in FOLDERS for path in Path(folder).glob(f"*/{VOICES[voice]}"))
        return next(found, None)

    @cached_property
    def _version(self) -> str:
        return run([self.program, "--version"]).strip()

    def version(self, voice: str) -> str:
        folder = self._folder(voice)
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder else []
        return f"{self._version}, {sum(path.stat().st_size for path in files)} bytes of voice"

    def parts(self, voice: str) -> tuple[Part, ...]:
        return ()

    def speak(self, text: str, voice: str, tempo: float, pitch: float) -> Spoken:
        more = HTS_TEMPO.format(tempo=tempo / pitch) if VOICES[voice].endswith("_hts") else ""
        stretch = pitch / tempo

        def command(file: Path) -> list[str]:
            names = {"text": quoted(text), "file": quoted(str(file)), "more": more}
            script = SCRIPT.format(voice=VOICES[voice], stretch=stretch, **names)
            return [self.program, "--batch", f"(begin {script})"]

        sound, rate, printed = recorded(command)
        words = [
            {"word": json.loads(f'"{name}"'), "start": float(start), "end": float(end)}
            for name, start, end in WORD.findall(printed)
        ]
        return played_higher(Spoken(sound, rate, words or None), pitch)


def quoted(text: str) -> str:
    """A string of Scheme."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
