"""What espeak-ng says in a process of its own, whatever was said before in this one.

It keeps state from one utterance to the next, which changes bytes, and so what a model hears.
"""

from functools import cache
from multiprocessing import get_context

from wordbrush.captions.voices import Utterance, Voice, speak

# Changes of `captions` after which espeak-ng alone speaks, and no engine is compared.
ESPEAK_ALONE = {
    "voices": ["en-us", "en"],
    "held_out_voices": ["en-us+f2"],
    "engine_shares": {},
    "validation_voices": [],
    "test_voices": [],
}


@cache
def spoken_alone(*lines: tuple[str, Voice]) -> list[Utterance]:
    """The lines, spoken one after another by a new process."""
    with get_context("spawn").Pool(1) as pool:
        return pool.starmap(speak, lines)
