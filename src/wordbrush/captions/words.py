"""The spoken words of the semantic test (P §6.2)."""

from pathlib import Path

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.captions.lines import Line
from wordbrush.captions.recital import recite
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.captions.voices import Voice
from wordbrush.data.recordings import SpokenWord
from wordbrush.data.speech import write_features
from wordbrush.params import Captions
from wordbrush.storage.files import write_json


def write_words(
    folder: Path, captions: Captions, voices: list[str], vocabulary: Vocabulary
) -> None:
    """Speak every word of the vocabulary alone, by each of these voices.

    Writes words.json (`SpokenWord`) and the features of the words, in the same order.
    """
    rate, pitch = (int(np.median(values)) for values in (captions.rates, captions.pitches))
    entries: list[SpokenWord] = [
        {"word": word, "attribute": attribute, "value": value, "voice": voice}
        for attribute, values in vocabulary.attributes.items()
        for value in values
        for word in vocabulary.synonyms[value]
        for voice in voices
    ]
    lines = [Line(entry["word"], Voice(entry["voice"], rate, pitch)) for entry in entries]
    features = [frames for _, _, frames in recite(lines, captions, "speaking words")]
    write_features(folder, features, FeatureConfig.taken_from(captions))
    write_json(folder / "words.json", entries)
