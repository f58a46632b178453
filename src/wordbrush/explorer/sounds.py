"""Whole sounds: words that an engine speaks, and files that people drop on the page."""

import base64
import io
import wave

import numpy as np

from wordbrush.audio.features import with_silence
from wordbrush.audio.inputs import prepare
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import WordbrushError
from wordbrush.explorer.hearing import hop_samples
from wordbrush.explorer.listening import Message, Studio
from wordbrush.serving.decoding import Samples

MOST_CHARACTERS = 200  # of typed words: a caption of three objects has some 150
MOST_BYTES = 8 << 20  # of a file
VOICE, WORDS_A_MINUTE, PITCH = "en-us", 170, 50  # among those of the training of models/small


def say(studio: Studio, text: str, language: str | None, pictures: list[int]) -> Message:
    """Typed words, spoken by espeak-ng. Raises WordbrushError for a text that cannot be spoken, or
    a language that the model does not hear."""
    studio.model.require_language(language)
    if len(text) > MOST_CHARACTERS:
        raise WordbrushError(
            f"the text has {len(text)} characters, and {MOST_CHARACTERS} is the most: shorten it."
        )
    from wordbrush.captions.voices import Voice, speak  # loads espeak-ng, which may be missing

    voice = VOICE if language in (None, "en") else language
    sound = speak(text, Voice(voice, WORDS_A_MINUTE, PITCH)).sound
    return answer(studio, prepare(sound).sound, language, pictures, "")


def hear_samples(
    studio: Studio, samples: Samples, language: str | None, pictures: list[int]
) -> Message:
    """A sound file, decoded. Raises WordbrushError for one that cannot be heard."""
    sound = samples.sound[:, 0] if samples.sound.shape[1] == 1 else samples.sound
    prepared = prepare(sound, samples.rate)
    return answer(studio, prepared.sound, language, pictures, str(prepared.changes))


def answer(
    studio: Studio, sound: np.ndarray, language: str | None, pictures: list[int], changes: str
) -> Message:
    """Light, words and hits of a whole sound that `prepare` gave.

    The answer carries the sound as the model heard it, so that its frames lie on what is played:
    what cleaning cut of a recording is not in it. changes: what was done before, in words.
    """
    config = studio.model.config.features
    whole = with_silence(sound, config)
    played = whole[: config.max_frames * hop_samples(config)]
    heard = studio.model.listen(studio.model.frames(sound), language).to("cpu")
    speech = heard.features[0]
    return {
        "sound": base64.b64encode(wav(played)).decode(),
        "seconds": round(len(played) / SAMPLE_RATE, 3),
        "cut": len(played) < len(whole),
        "changes": changes,
        **studio.light(pictures, 0, speech),
        "ranking": studio.hits(heard, language),
        "answers": studio.ear.answers(speech),
    }


def wav(sound: np.ndarray) -> bytes:
    """16 bits, 16 kHz: what every browser plays."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((sound.clip(-1, 1) * 32767).astype("<i2").tobytes())
    return buffer.getvalue()
