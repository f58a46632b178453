"""How far recall can go: what a perfect listener reaches where some pictures are described alike.

Such a listener draws among all that fit what it knows.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from wordbrush.captions.wording import facts_in
from wordbrush.evaluation.edit_success import content
from wordbrush.evaluation.results import Recall
from wordbrush.scenes.facts import told


def bound(recall: Callable[[int], float]) -> Recall:
    """Recall at each level, to two decimals."""
    first, fifth, tenth = (round(recall(k), 2) for k in (1, 5, 10))
    return {"1": first, "5": fifth, "10": tenth}


def distinct(
    parsed: list[list[dict]], min_confidence: float, attributes: Sequence[str], k: int
) -> float:
    """Recall@k, in percent, of a listener who knows every attribute, but not where objects lie.

    The listener draws among the pictures of the same content.
    """
    said = [frozenset(content(one, min_confidence, attributes).items()) for one in parsed]
    alike = Counter(said)
    return 100 * sum(min(1.0, k / alike[one]) for one in said) / len(said)


def fitting(parsed: Sequence[Sequence[dict]], texts: Sequence[str]) -> np.ndarray | None:
    """Whether each caption (column) is true of each picture (row), relations too: bool [N, N].

    parsed: the objects of each picture, of which `texts` tell in the same order. None where a text
    is none of the grammar's.
    """
    empty = np.array([not things for things in parsed])
    by_content: dict[tuple, list[int]] = {}
    for number, things in enumerate(parsed):
        by_content.setdefault(tuple(sorted(map(told, things))), []).append(number)
    fits = np.zeros((len(parsed), len(texts)), bool)
    for column, text in enumerate(texts):
        facts = facts_in(text)
        if facts is None:
            if not empty[column]:
                return None
            fits[:, column] = empty
            continue
        for row in by_content.get(tuple(sorted(facts.objects)), []):
            fits[row, column] = facts.true_of(parsed[row])
    return fits


def recall_bound(fits: np.ndarray, k: int) -> float:
    """Recall@k, both ways, in percent, of a listener who knows what is true of what: bool [N, N].

    Caption n tells of picture n. Where it is not true of it, the listener errs.
    """
    own = np.diagonal(fits)
    ways = [np.minimum(1.0, k / np.maximum(fits.sum(axis), 1)) * own for axis in range(2)]
    return 100 * float(np.mean(ways))
