"""The semantic test (P §6.2, Table 1): one spoken attribute word; which of two pictures has it?"""

import numpy as np

from wordbrush.davenet.encoding import encode_images, encode_speech
from wordbrush.davenet.kernels import all_similarities
from wordbrush.evaluation.interface import Numbers, Subject, Test, needed
from wordbrush.evaluation.intervals import bootstrap_groups
from wordbrush.evaluation.material import Material

CHANCE = 0.5


def run(material: Material, subject: Subject) -> Numbers:
    """Accuracy of every attribute in percent: the mean over its values, each by all its words."""
    params, test = material.params, needed(material.words)
    encoders = subject.encoders
    heard = encode_speech(encoders, test.speech, np.arange(len(test.speech)))
    seen = encode_images(encoders, test.images, np.arange(len(test.images)))
    scores = all_similarities(seen, heard, encoders.config.similarity).numpy()
    accuracy, intervals = {}, {}
    for attribute, values in material.vocabulary.attributes.items():
        by_value = []
        for value in values:
            pairs = test.pairs[value]
            spoken = [number for number, word in enumerate(test.words) if word["value"] == value]
            if len(pairs):
                with_word, without = (scores[pairs[:, side]][:, spoken] for side in range(2))
                by_value.append(outcomes(with_word, without).mean(1))
        by_value = by_value or [np.array([CHANCE])]
        accuracy[attribute] = round(100 * float(np.mean([each.mean() for each in by_value])), 2)
        intervals[attribute] = bootstrap_groups(by_value, params.evaluation.bootstrap, params.seed)
    accuracy["mean"] = round(float(np.mean(list(accuracy.values()))), 2)
    return {"semantic": accuracy}, {"semantic": intervals}


def outcomes(with_word: np.ndarray, without: np.ndarray) -> np.ndarray:
    """1 where the picture with the word scores higher, ½ where the two tie, else 0."""
    return (with_word > without) + 0.5 * (with_word == without)


TEST = Test(
    "semantic test",
    "words spoken alone, and pictures whose objects are known",
    lambda material: material.words is not None,
    run,
)
