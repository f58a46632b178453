"""Sentences as numbers of words."""

from collections.abc import Sequence

import numpy as np

PADDING, UNKNOWN = 0, 1  # the numbers of words begin behind them
FIRST = 2
MARKS = ".,;:!?।¿¡"


def words_of(text: str) -> list[str]:
    """The words of a sentence in small letters, without marks."""
    words = (word.strip(MARKS) for word in text.lower().split())
    return [word for word in words if word]


def known_words(texts: Sequence[str]) -> list[str]:
    """All words of these sentences, in the order of the alphabet."""
    return sorted({word for text in texts for word in words_of(text)})


def numbered(texts: Sequence[str], words: Sequence[str]) -> np.ndarray:
    """The number of every word of M sentences: int64 [M, L], PADDING behind each.

    words: those that are known; any other is UNKNOWN, and so is a sentence without words.
    """
    numbers = {word: FIRST + number for number, word in enumerate(words)}
    rows = [[numbers.get(word, UNKNOWN) for word in words_of(text)] or [UNKNOWN] for text in texts]
    found = np.full((len(rows), max(map(len, rows), default=1)), PADDING, np.int64)
    for row, sentence in zip(found, rows, strict=True):
        row[: len(sentence)] = sentence
    return found
