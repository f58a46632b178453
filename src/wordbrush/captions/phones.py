"""When each phone of a caption is said, as espeak-ng tells. For tests alone.

Captions are spoken again: the same text by the same voice takes the same time, but for a step of
some milliseconds here and there, which depends on what the process spoke before.
"""

from collections.abc import Sequence

from wordbrush.captions.espeak import Engine
from wordbrush.captions.voices import check_voice
from wordbrush.params import ESPEAK, engine_of_voice

AGREEING = 0.02  # seconds between the words of now and then: two frames of the features


def phone_times(rows: Sequence[dict], silence: float) -> list[list[dict]]:
    """The phones of captions, each with phone, start and end in seconds of its features.

    rows: text, voice, rate, pitch and words of data/speech. silence: seconds before the speech.
    None are known of other engines' voices, and of captions that espeak-ng now speaks at another
    pace: of a version that spoke otherwise. Raises WordbrushError where espeak-ng does not start.
    """
    if not any(engine_of_voice(row["voice"]) == ESPEAK for row in rows):
        return [[] for _ in rows]
    engine = Engine(fresh=True, phones=True)
    try:
        return [_phones(engine, row, silence) for row in rows]
    finally:
        engine.close()


def _phones(engine: Engine, row: dict, silence: float) -> list[dict]:
    if engine_of_voice(row["voice"]) != ESPEAK:
        return []
    check_voice(row["voice"])
    engine.set_voice(row["voice"])
    _, words = engine.speak(row["text"], row["rate"], row["pitch"])
    now = [word["start"] + silence for word in words]
    then = [word["start"] for word in row["words"] or []]
    if len(now) != len(then) or any(
        abs(one - other) > AGREEING for one, other in zip(now, then, strict=True)
    ):
        return []
    return [
        {**phone, "start": phone["start"] + silence, "end": phone["end"] + silence}
        for phone in engine.phones()
    ]
