"""Whether each of two heads takes one kind of sound: captions, or objects that are struck."""

import numpy as np
from typing_extensions import TypedDict

from wordbrush.data.pairs import Pairs
from wordbrush.davenet.encoding import encode_pairs
from wordbrush.evaluation.intervals import bootstrap_groups, estimate
from wordbrush.evaluation.results import Estimate
from wordbrush.senses.heads import HeadedEncoders, head_of_frames
from wordbrush.senses.natural import NO_LANGUAGE


class Kinds(TypedDict):
    """Of the test, in percent, with intervals over utterances. captions, impacts: the mean share of
    an utterance's frames that the head for captions takes; that is the one that takes more of them
    than of impacts on validation. apart: their difference, near 0 where kinds do not matter, and at
    most 100. told: how often the head that takes most of an utterance tells its kind; both kinds
    weigh alike, and chance is 50."""

    captions: Estimate
    impacts: Estimate
    apart: Estimate
    told: Estimate


def by_kind(pairs: Pairs, split: str) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the captions of a split, and of its impacts: int64, ascending."""
    numbers = pairs.manifest.captions(split)
    struck = pairs.manifest.languages[numbers] == NO_LANGUAGE
    return numbers[~struck], numbers[struck]


def kinds(encoders: HeadedEncoders, pairs: Pairs, resamples: int, seed: int) -> Kinds:
    """Of the test's utterances with their own pictures, by encoders with two heads."""
    validation, test = (
        [taken_by_first(encoders, pairs, numbers) for numbers in by_kind(pairs, split)]
        for split in ("validation", "test")
    )
    captions, impacts = test if first_for_captions(*validation) else [1 - one for one in test]
    return taken(captions, impacts, resamples, seed)


def first_for_captions(captions: np.ndarray, impacts: np.ndarray) -> bool:
    """Whether the head that takes these shares of their frames takes more of captions."""
    return bool(captions.mean() >= impacts.mean())


def taken(captions: np.ndarray, impacts: np.ndarray, resamples: int, seed: int) -> Kinds:
    """Of the shares [N] and [M] of the frames of captions and impacts that one head takes."""

    def mean(*groups: np.ndarray) -> Estimate:
        value = 100 * float(np.mean([group.mean() for group in groups]))
        return estimate(value, bootstrap_groups(groups, resamples, seed))

    both = mean(captions, 1 - impacts)
    return {
        "captions": mean(captions),
        "impacts": mean(impacts),
        "apart": {
            "value": round(2 * both["value"] - 100, 2),
            "low": round(2 * both["low"] - 100, 2),
            "high": round(2 * both["high"] - 100, 2),
        },
        "told": mean(captions > 0.5, impacts < 0.5),
    }


def taken_by_first(encoders: HeadedEncoders, pairs: Pairs, numbers: np.ndarray) -> np.ndarray:
    """The share of the frames of each utterance that the first head takes: float64 [N]."""
    taken = head_of_frames(*encode_pairs(encoders, pairs, numbers), encoders.heads)
    return ((taken == 0).sum(1) / (taken >= 0).sum(1)).double().numpy()
