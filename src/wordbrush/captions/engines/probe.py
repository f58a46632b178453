"""Whether engines speak, found before hours of speaking: each voice says one sentence.

The files of wheels are checked each time. Voices that said the sentence before are not asked again,
since it is in the cache. The others speak in a process of their own, because a library that crashes
takes its process with it.

What a voice said must be nearer to espeak-ng's speech of the sentence than to its speech of others.
So other words and most other languages are noticed; an accent is not.
"""

import subprocess
import sys
from collections.abc import Sequence
from functools import cache

import numpy as np

from wordbrush.captions.engines.alignment import features, warping
from wordbrush.captions.engines.interface import NATURAL_PITCH, NATURAL_RATE
from wordbrush.captions.engines.reference import rendering
from wordbrush.captions.engines.speaking import kept, speak_by, speech_within
from wordbrush.captions.engines.table import language_of_voice, require_voice
from wordbrush.captions.engines.wheels import Part, checked
from wordbrush.errors import WordbrushError

SENTENCES = {  # by language
    "en": "there is a small red rubber cube",
    "de": "da ist ein kleiner roter Würfel aus Gummi",
    "es": "hay un pequeño cubo rojo de goma",
}
OTHERS = {  # as long; the same language, the same words in another order, and other languages
    "en": (
        "a large metal ball lies behind it",
        "cube rubber red small a is there",
        "i see two cylinders of yellow glass",
        "every good boy deserves fine fruit",
        "das ist ein kleiner roter würfel",
    ),
    "de": (
        "hinter der Kugel liegt ein großer Ball",
        "Gummi aus Würfel roter kleiner ein ist da",
        "ich sehe zwei gelbe Zylinder aus Glas",
        "morgen gehen wir alle zusammen ins Kino",
        "there is a small red rubber cube",
    ),
    "es": (
        "detrás de la esfera hay una gran bola",
        "goma de rojo cubo pequeño un hay",
        "veo dos cilindros amarillos de vidrio",
        "mañana vamos todos juntos al cine",
        "there is a small red rubber cube",
    ),
}
# Of the distance to the others, the median: 0.82 to 0.94 for English voices of every engine, 0.975
# to 1.08 for other sentences and languages; 0.89 and 0.91 for Pico's German and Spanish, 0.97 to
# 1.04 for other sentences and voices of other languages.
NEAR = 0.955
SECONDS = 600  # for all voices; the slowest engine needs some ten seconds to start and to speak
REFUSED = 2


def require_speech(voices: Sequence[str]) -> None:
    """Raises WordbrushError for the first voice that cannot be had or does not speak, and why."""
    silent = []
    parts: dict[Part, None] = {}  # of all voices, each once
    for voice in dict.fromkeys(voices):
        engine, own = require_voice(voice)
        parts.update(dict.fromkeys(engine.parts(own)))
        if kept(voice, sentence_of(voice), NATURAL_RATE, NATURAL_PITCH) is None:
            silent.append(voice)
    for part in parts:
        checked(part)
    if silent:
        _make_speak(silent)
    for voice in dict.fromkeys(voices):
        require_sentence(voice)


def _make_speak(silent: list[str]) -> None:
    """Have these voices say the sentence in another process. Raises WordbrushError, as above."""
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
        last = begun[-1] if begun else silent[0]
        engine, _ = require_voice(last)
        raise WordbrushError(
            f"{engine.name} crashed when {last} said {sentence_of(last)!r} (exit code "
            f"{done.returncode}): install it again: {engine.package}."
        )


def require_sentence(voice: str) -> None:
    """Raises WordbrushError where what a voice said is as near to OTHERS as to its sentence."""
    sentence = sentence_of(voice)
    sound, _ = speak_by(voice, sentence, NATURAL_RATE, NATURAL_PITCH)
    if distance(sound, language_of_voice(voice)) > NEAR:
        raise WordbrushError(
            f"{voice} was to say {sentence!r}, and what it said is not like it: it may speak "
            "another language, or other words. Use another voice."
        )


def distance(sound: np.ndarray, language: str) -> float:
    """How far speech float32 [S] is from the sentence of a language, as a share of its distance to
    the others."""
    said = features(sound)
    texts = (SENTENCES[language], *OTHERS[language])
    right, *others = (warping(_known(text, language), said)[1] for text in texts)
    return float(right / np.median(others))


def sentence_of(voice: str) -> str:
    """What a voice is asked to say."""
    return SENTENCES[language_of_voice(voice)]


@cache
def _known(text: str, language: str) -> np.ndarray:
    """Features of espeak-ng's speech of a sentence, in the voice of this language."""
    sound, _ = rendering(text, NATURAL_RATE, language)
    first, stop = speech_within(sound)
    return features(sound[first:stop])


def main(voices: Sequence[str]) -> int:
    """Speak by each voice, and print its name before: the last one is the one that failed."""
    for voice in voices:
        print(voice, flush=True)
        try:
            speak_by(voice, sentence_of(voice), NATURAL_RATE, NATURAL_PITCH)
        except WordbrushError as error:
            print(error, file=sys.stderr)
            return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
