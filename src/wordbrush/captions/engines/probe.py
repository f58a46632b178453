"""Whether engines speak, found before hours of speaking: each voice says one sentence.

Voices that said it before are not asked again, since it is in the cache. The others speak in a
process of their own, because a library that crashes takes its process with it.
"""

import subprocess
import sys
from collections.abc import Sequence

from wordbrush.captions.engines.interface import NATURAL_PITCH, NATURAL_RATE
from wordbrush.captions.engines.speaking import kept, speak_by
from wordbrush.captions.engines.table import require_voice
from wordbrush.errors import WordbrushError

SENTENCE = "there is a small red rubber cube"
SECONDS = 600  # for all voices; the slowest engine needs some ten seconds to start and to speak
REFUSED = 2


def require_speech(voices: Sequence[str]) -> None:
    """Raises WordbrushError for the first voice that cannot be had or does not speak, and why."""
    silent = []
    for voice in dict.fromkeys(voices):
        require_voice(voice)
        if kept(voice, SENTENCE, NATURAL_RATE, NATURAL_PITCH) is None:
            silent.append(voice)
    if not silent:
        return
    command = [sys.executable, "-m", __name__, *silent]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise WordbrushError(
            f"{', '.join(silent)} did not say a sentence within {SECONDS} seconds: use other "
            "voices, or install their engines again."
        ) from None
    if done.returncode == REFUSED:
        raise WordbrushError(done.stderr.strip().splitlines()[-1])
    if done.returncode:
        begun = done.stdout.split()
        engine, _ = require_voice(begun[-1] if begun else silent[0])
        raise WordbrushError(
            f"{engine.name} crashed when {begun[-1] if begun else silent[0]} said "
            f"{SENTENCE!r} (exit code {done.returncode}): install it again: {engine.package}."
        )


def main(voices: Sequence[str]) -> int:
    """Speak by each voice, and print its name before: the last one is the one that failed."""
    for voice in voices:
        print(voice, flush=True)
        try:
            speak_by(voice, SENTENCE, NATURAL_RATE, NATURAL_PITCH)
        except WordbrushError as error:
            print(error, file=sys.stderr)
            return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
