"""How well words are known from each voice and each engine, with intervals over voices."""

from collections.abc import Sequence

import numpy as np

from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.data.recordings import SpokenWord
from wordbrush.evaluation.intervals import bootstrap
from wordbrush.evaluation.semantic import outcomes
from wordbrush.params import engine_of_voice


def semantic_by_voice(
    scores: np.ndarray,
    pairs: dict[str, np.ndarray],
    words: Sequence[SpokenWord],
    vocabulary: Vocabulary,
) -> dict[str, dict[str, float]]:
    """The semantic test (P §6.2) for each voice: percent right of each attribute, and their mean.

    scores: of each picture with each spoken word, [P, W]. pairs: for each value, numbers [M, 2] of
    pictures with it and without. Values without a pair are left out.
    """
    results = {}
    for voice in dict.fromkeys(word["voice"] for word in words):
        numbers = {}
        for attribute, values in vocabulary.attributes.items():
            right = [
                outcomes(*(scores[pairs[value][:, side]][:, columns] for side in range(2))).mean()
                for value in values
                if len(pairs[value]) and (columns := said(words, voice, value))
            ]
            numbers[attribute] = 100 * float(np.mean(right))
        results[voice] = {**numbers, "mean": float(np.mean(list(numbers.values())))}
    return results


def said(words: Sequence[SpokenWord], voice: str, value: str) -> list[int]:
    """The numbers of a voice's words that mean this value."""
    return [
        number
        for number, word in enumerate(words)
        if word["voice"] == voice and word["value"] == value
    ]


def by_engine(
    voices: dict[str, dict[str, float]], resamples: int, seed: int
) -> dict[str, dict[str, dict[str, float]]]:
    """For each engine, the mean over its voices of every number, with its 95 % interval.

    A single voice has no spread: low and high are its own value.
    """
    engines: dict[str, list[dict[str, float]]] = {}
    for voice, numbers in voices.items():
        engines.setdefault(engine_of_voice(voice), []).append(numbers)
    return {
        engine: {
            name: {
                "mean": round(float(np.mean(values)), 2),
                **bootstrap(values, _mean, resamples, seed),
            }
            for name in numbers[0]
            if len(values := np.array([each[name] for each in numbers]))
        }
        for engine, numbers in engines.items()
    }


def _mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return values.mean(axis)
