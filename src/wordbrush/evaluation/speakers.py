"""How well voices are understood: words, and whole captions; with intervals over voices.

Results shall hold for other voices of the same kind, so voices are what is resampled.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.data.recordings import SpokenWord
from wordbrush.davenet.retrieval import ranks
from wordbrush.evaluation.intervals import bootstrap, estimate
from wordbrush.evaluation.results import Estimate, Measured, Recall
from wordbrush.evaluation.retrieval import recalls
from wordbrush.evaluation.semantic import CHANCE, outcomes
from wordbrush.params import engine_of_voice


def semantic_by_voice(
    scores: np.ndarray,
    pairs: dict[str, np.ndarray],
    words: Sequence[SpokenWord],
    vocabulary: Vocabulary,
) -> dict[str, dict[str, float]]:
    """The semantic test (P §6.2) for each voice: percent right of each attribute, and their mean.

    scores: of each picture with each spoken word, [P, W]. pairs: for each value, numbers [M, 2] of
    pictures with it and without. Values without a pair are left out; an attribute without any is at
    chance.
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
            numbers[attribute] = 100 * float(np.mean(right or [CHANCE]))
        results[voice] = {**numbers, "mean": float(np.mean(list(numbers.values())))}
    return results


def said(words: Sequence[SpokenWord], voice: str, value: str) -> list[int]:
    """The numbers of a voice's words that mean this value."""
    return [
        number
        for number, word in enumerate(words)
        if word["voice"] == voice and word["value"] == value
    ]


def recall_by_voice(
    scores: Tensor, pictures: Sequence[int], voices: Sequence[str]
) -> dict[str, Recall]:
    """Percent of each voice's captions whose picture is among the first 1, 5 and 10.

    scores: of each picture with each caption, [P, C]. pictures, voices: of each caption.
    """
    right = torch.tensor(pictures)[:, None] == torch.arange(len(scores))
    found, spoken = ranks(scores.T, right), np.array(voices)
    return {
        voice: recalls(found[torch.from_numpy(spoken == voice)]) for voice in dict.fromkeys(voices)
    }


def over_voices(values: Sequence[float], resamples: int, seed: int) -> Estimate:
    """The mean of one number of each voice, with its 95 % interval.

    A single voice has no spread: low and high are its own value.
    """
    interval = bootstrap(np.array(values), _mean, resamples, seed)
    return estimate(float(np.mean(values)), interval)


def each_over_voices(
    voices: Sequence[Mapping[str, float]], resamples: int, seed: int
) -> dict[str, Estimate]:
    """`over_voices` of every number that the voices have."""
    return {name: over_voices([one[name] for one in voices], resamples, seed) for name in voices[0]}


def by_engine(
    voices: Mapping[str, Mapping[str, float]], resamples: int, seed: int
) -> dict[str, dict[str, Estimate]]:
    """For each engine, the mean over its voices of every number, with its 95 % interval."""
    engines: dict[str, list[Mapping[str, float]]] = {}
    for voice, numbers in voices.items():
        engines.setdefault(engine_of_voice(voice), []).append(numbers)
    return {engine: each_over_voices(own, resamples, seed) for engine, own in engines.items()}


def hits_over_voices(
    voice: Tensor, hits: Tensor, chance: Tensor, resamples: int, seed: int
) -> Measured | None:
    """Percent of cases [P] that are hits, and what chance would give, as means over their voices.

    voice [P]: the number of the voice of each case. None where there is no case.
    """
    if not len(hits):
        return None
    shares = [
        [100 * float(each[voice == one].double().mean()) for one in voice.unique()]
        for each in (hits, chance)
    ]
    found = over_voices(shares[0], resamples, seed)
    return {**found, "chance": round(float(np.mean(shares[1])), 2)}


def _mean(values: np.ndarray, axis: int = -1) -> np.ndarray:
    return values.mean(axis)
