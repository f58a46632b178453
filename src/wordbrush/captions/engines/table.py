"""The table of engines, by the name before the slash of a voice: flite/slt."""

import os
from collections.abc import Iterable, Sequence
from functools import cache

from wordbrush.captions.engines.interface import Engine
from wordbrush.captions.engines.recordings import VARIABLE, Recordings
from wordbrush.errors import WordbrushError
from wordbrush.params import ESPEAK, RECORDINGS

NAMES = ("flite", "festival", "mbrola", "pico", "piper", "hibari", "kokoro", RECORDINGS)

LICENCES = {  # of what engines are and of their voices, for the cards of models
    ESPEAK: "program and voices: GPL-3.0-or-later",
    "flite": "program and voices: as BSD, by Carnegie Mellon University",
    "festival": "program and voices: as BSD, by the University of Edinburgh and others",
    "mbrola": "voices: no commercial and no military use",
    "pico": "program and voices: Apache-2.0",
    "piper": "voice: CC0, fine-tuned from the voice lessac",
    "hibari": "program and voice: Apache-2.0",
    "kokoro": "network and voices: Apache-2.0",
    RECORDINGS: "voices of people: ask those who recorded them",
}
# People whose recordings more than one engine was made of, and one network that imitates another's
# voice: such voices must not be in training and in tests.
SAME_SPEAKER = (
    ("flite/kal16", "festival/kal"),
    ("flite/slt", "festival/slt"),
    ("hibari/heart", "kokoro/af_heart"),
)


OF_REGIONS = ("pico",)  # engines that name a voice by its language and region: pico/de-DE


def language_of_voice(name: str) -> str:
    """The language of a voice, without region and speaker: en-us+f2 -> en, pico/de-DE -> de.

    Engines that name no languages speak English.
    """
    engine, own = split(name)
    if engine and engine not in OF_REGIONS:
        return "en"
    return own.partition("+")[0].partition("-")[0]


def split(name: str) -> tuple[str, str]:
    """The engine and its own name of a voice: flite/slt -> flite, slt; en+f1 -> '', en+f1."""
    engine, slash, own = name.partition("/")
    return (engine, own) if slash else ("", name)


@cache
def engine_of(name: str) -> Engine:
    """The engine of this name. Raises WordbrushError where there is none, or it cannot start.

    Each is imported when it is first asked for: some need packages that others do without.
    """
    if name == "flite":
        from wordbrush.captions.engines.flite import Flite

        return Flite()
    if name == "festival":
        from wordbrush.captions.engines.festival import Festival

        return Festival()
    if name == "mbrola":
        from wordbrush.captions.engines.mbrola import Mbrola

        return Mbrola()
    if name == "pico":
        from wordbrush.captions.engines.pico import Pico

        return Pico()
    if name == "piper":
        from wordbrush.captions.engines.piper import Piper

        return Piper()
    if name == "hibari":
        from wordbrush.captions.engines.hibari import Hibari

        return Hibari()
    if name == "kokoro":
        from wordbrush.captions.engines.kokoro import Kokoro

        return Kokoro()
    if name == RECORDINGS:
        return Recordings()
    raise no_engine(name)


def no_engine(name: str) -> WordbrushError:
    return WordbrushError(
        f"there is no engine of speech {name!r:.60}: use {', '.join(NAMES)}, or a voice of "
        "espeak-ng, which has no slash."
    )


def require_known(voice: str) -> bool:
    """Whether it is a voice of one of these engines, installed or not, rather than of espeak-ng.

    Raises WordbrushError where its engine does not exist.
    """
    engine, _ = split(voice)
    if engine and engine not in NAMES:
        raise no_engine(engine)
    return bool(engine)


@cache
def voices_of(engine: str) -> tuple[str, ...]:
    return engine_of(engine).voices()


@cache
def version_of(name: str) -> str:
    """Changes whenever the same text in this voice, such as flite/slt, may sound otherwise."""
    engine, own = require_voice(name)
    return engine.version(own)


def require_voice(name: str) -> tuple[Engine, str]:
    """The engine of a voice and its own name of it: flite/slt -> Flite(), slt.

    Raises WordbrushError where the engine is not installed, or has no such voice.
    """
    engine_name, own = split(name)
    engine = engine_of(engine_name)
    voices = voices_of(engine_name)
    if not voices:
        raise WordbrushError(
            f"{engine_name} is here, but none of its voices: install it again: {engine.package}."
        )
    if own not in voices:
        raise WordbrushError(
            f"{engine_name} has no voice {own!r:.60} here: use "
            f"{', '.join(f'{engine_name}/{voice}' for voice in voices)}; {engine.package}."
        )
    return engine, own


def use_recordings(folder: str | None) -> None:
    """Take people's recordings from this folder (captions.recordings) in this process, and in those
    that it starts; None: leave it at what WORDBRUSH_RECORDINGS says."""
    if folder is not None and os.environ.get(VARIABLE) != folder:
        os.environ[VARIABLE] = folder
        for known in (engine_of, voices_of, version_of):
            known.cache_clear()


def require_recorded(said: Iterable[tuple[str, str]]) -> None:
    """Raises WordbrushError where a voice of people has not recorded a text that it shall say.

    said: voices, each with a text; those of other engines are passed over.
    """
    texts: dict[str, list[str]] = {}
    for name, text in said:
        if split(name)[0] == RECORDINGS:
            texts.setdefault(name, []).append(text)
    for name, wanted in texts.items():
        engine, own = require_voice(name)
        if isinstance(engine, Recordings):
            engine.require(own, wanted)


def require_apart(training: Sequence[str], tests: Sequence[str]) -> None:
    """Raises WordbrushError where a speaker of the training is heard in the tests as well."""
    for first, second in SAME_SPEAKER:
        for one, other in ((first, second), (second, first)):
            if one in training and other in tests:
                raise WordbrushError(
                    f"{one} and {other} are the same speaker, so the tests would not hear a new "
                    "one: leave one of them out."
                )
