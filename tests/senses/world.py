"""A small world of coloured squares, tones and words, which all say the same."""

from pathlib import Path

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.data.speech import FeatureStore, write_features
from wordbrush.params import Params, Senses
from wordbrush.senses.cases import Cases
from wordbrush.senses.config import SensesConfig
from wordbrush.senses.sentences import known_words, numbered

VALUES = ("red", "green", "blue", "low", "high")
ATTRIBUTES = {"color": [0, 1, 2], "place": [3, 4]}
SIZE, BANDS = 16, 8


def cases_of(params: Params, folder: Path, count: int = 96, seed: int = 0) -> Cases:
    """Half of the cases are for training, a quarter for validation, a quarter for the test.

    Each shows a square of one colour, low or high; a tone of a band for each colour sounds early or
    late; and a sentence says both.
    """
    rng = np.random.default_rng(seed)
    colours, places = rng.integers(3, size=count), rng.integers(2, size=count)
    images = np.full((count, SIZE, SIZE, 3), 100, np.uint8)
    sounds, texts = [], []
    for image, colour, place in zip(images, colours, places, strict=True):
        top, left = 9 - 8 * place, rng.integers(1, 10)
        image[top : top + 6, left : left + 6] = 250 * np.eye(3, dtype=np.uint8)[colour]
        sound = 0.1 * rng.random((rng.integers(20, 30), BANDS))
        sound[5:15, 2 * colour] = 0.9
        sound[5:15, 6 + place] = 0.9
        sounds.append(sound.astype(np.float16))
        opening = rng.choice(["I see", "There is", "Look:"])
        texts.append(f"{opening} something {VALUES[colour]}, and it is {VALUES[3 + place]}.")
    config = FeatureConfig.taken_from(params.captions, bands=BANDS)
    write_features(folder, sounds, config)
    counts = np.concatenate(
        [np.eye(3, dtype=np.int64)[colours], np.eye(2, dtype=np.int64)[places]], 1
    )
    splits = np.repeat(["train", "validation", "test"], [count // 2, count // 4, count // 4])
    numbers = np.arange(count)
    sentences = numbered(texts, known_words(texts))
    teacher = (0.02 + 0.96 * counts).astype(np.float32)
    return Cases(
        numbers, images, numbers, FeatureStore(folder), numbers, sentences, teacher, counts, splits
    )


def small(params: Params, **changes: object) -> Senses:
    """Parameters of a training of seconds."""
    sizes = {"picture_channels": [16], "sound_channels": [16], "word_width": 16, "width": 32}
    short = {"loss": "both", "steps": 60, "batch_size": 16, "learning_rate": 0.003}
    return params.senses.model_copy(update={**sizes, **short, **changes})


def config_of(params: Senses, cases: Cases) -> SensesConfig:
    words = [str(number) for number in range(int(cases.sentences.max()) - 1)]
    return SensesConfig.taken_from(params, bands=BANDS, vocabulary=words, values=list(VALUES))
