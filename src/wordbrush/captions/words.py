"""The spoken words of the semantic test (P §6.2)."""

from collections.abc import Sequence
from pathlib import Path

from wordbrush.audio.config import FeatureConfig
from wordbrush.captions.lines import Line, usual_voice
from wordbrush.captions.recital import recite
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.data.recordings import SpokenWord
from wordbrush.data.speech import write_features
from wordbrush.params import Captions
from wordbrush.storage.files import write_json


def spoken_words(vocabulary: Vocabulary, voices: Sequence[str]) -> list[SpokenWord]:
    """Every word of the vocabulary, by each of these voices."""
    return [
        {"word": word, "attribute": attribute, "value": value, "voice": voice}
        for attribute, values in vocabulary.attributes.items()
        for value in values
        for word in vocabulary.synonyms[value]
        for voice in voices
    ]


def word_lines(words: Sequence[SpokenWord], captions: Captions) -> list[Line]:
    """What is said for them."""
    return [Line(word["word"], usual_voice(word["voice"], captions)) for word in words]


def write_words(
    folder: Path,
    captions: Captions,
    voices: list[str],
    vocabulary: Vocabulary,
    title: str = "speaking words",
) -> None:
    """Speak every word of the vocabulary alone, by each of these voices.

    Writes words.json (`SpokenWord`) and the features of the words, in the same order.
    """
    entries = spoken_words(vocabulary, voices)
    lines = word_lines(entries, captions)
    features = [frames for _, _, frames in recite(lines, captions, title)]
    write_features(folder, features, FeatureConfig.taken_from(captions))
    write_json(folder / "words.json", entries)
