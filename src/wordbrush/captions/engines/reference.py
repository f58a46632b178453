"""espeak-ng beside the engines: IPA for those that read it, and a rendering to compare with.

Every use is a fresh copy of the library, so what it says does not depend on what was said before,
and the bytes of espeak-ng's own captions do not depend on other engines.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE, resample
from wordbrush.captions.engines.interface import NATURAL_PITCH, PAUSE
from wordbrush.captions.espeak import Engine
from wordbrush.errors import WordbrushError

AMERICAN, BRITISH = "en-us", "en"  # its voices
CORRECTED = {"cyan": "sˈa^ɪən"}  # espeak-ng says saɪˈæn, as no dictionary has it


@contextmanager
def espeak(language: str = AMERICAN) -> Iterator[Engine]:
    """A fresh espeak-ng with this voice. Raises WordbrushError where it does not start."""
    engine = Engine(fresh=True)
    try:
        if not engine.set_voice(language):
            raise WordbrushError(f"espeak-ng's voice {language} is missing: run make setup again.")
        yield engine
    finally:
        engine.close()


def rendering(text: str, rate: int, language: str = "en") -> tuple[np.ndarray, list[dict]]:
    """espeak-ng's speech, float32 [S] at 16 kHz, and its words with start and end in seconds.

    Raises WordbrushError for a text in which nothing can be heard.
    """
    with espeak(AMERICAN if language == "en" else language) as engine:
        own, words = engine.speak(text, rate, NATURAL_PITCH)
        sound = resample(own, engine.rate)
    if not words or not own.any():
        raise WordbrushError(f"nothing can be heard of the text {text!r:.60}: it needs a word.")
    stops = [*(word["start"] for word in words[1:]), len(sound) / SAMPLE_RATE]
    return sound, [{**word, "end": stop} for word, stop in zip(words, stops, strict=True)]


def ipa_words(text: str, language: str = AMERICAN) -> list[tuple[list[str], str]]:
    """IPA with ties, and the words of the text that it stands for: mostly one.

    espeak-ng speaks some words as one: 'left of a' is lˈɛft əvə, which gives two pairs, the second
    of 'of' and 'a'. A comma stays with its word.
    """
    words = text.split()
    with espeak(language) as engine:
        spoken = engine.ipa(text, ties=True).split()
        counts = [len(engine.ipa(" ".join(words[:stop])).split()) for stop in range(len(words))]
    pairs: list[tuple[list[str], str]] = []
    for word, first, stop in zip(words, counts, [*counts[1:], len(spoken)], strict=True):
        if stop > first or not pairs:
            pairs.append(
                ([word], CORRECTED.get(word.lower().rstrip(PAUSE), " ".join(spoken[first:stop])))
            )
        else:  # it was joined to the word before
            pairs[-1][0].append(word)
    return pairs
