"""How results name directions between senses, and cells of the table of classifiers."""

from itertools import permutations

from wordbrush.senses.config import SENSES, Sense

WAYS = tuple(permutations(SENSES, 2))


def way(asked: Sense, found: Sense) -> str:
    """A direction: the first sense asks, and something is found in the second."""
    return f"{asked} to {found}"


def cell(learned: Sense, asked: Sense) -> str:
    """A classifier that was learned in one sense, and is asked in another."""
    return f"{learned} in {asked}"
