"""Which of the languages of a training a language is, by its code (BCP 47)."""

from collections.abc import Sequence


def number_of(language: str | None, languages: Sequence[str]) -> int:
    """Which of these languages it is, from 0. The first one stands for all that are not named."""
    return languages.index(language) if language in languages else 0
