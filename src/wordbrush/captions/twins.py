"""What is said of twins, and by whom; a seed and a number decide each line."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wordbrush.captions.composition import ORDERS, spontaneous_voice
from wordbrush.captions.grammar import grammar_of
from wordbrush.captions.lines import PAUSES, Line, spoken_text
from wordbrush.captions.wording import facts_in
from wordbrush.params import Captions

TWINS = 7  # a random stream beside those of captions.lines and captions.composition


def twin_line(
    objects: list[dict],
    before: Sequence[Mapping[str, Any]] | None,
    captions: Captions,
    stream: list[int],
) -> Line | None:
    """A description of a picture that is not true of the picture `before`, where there is one; None
    where none was found, since the orders that were tried leave out what differs.

    In English, by a voice of the training that can say any text.
    """
    rng, grammar = np.random.default_rng([*stream, TWINS]), grammar_of("en")
    for _ in range(ORDERS):
        text = grammar.describe(objects, rng)
        facts = facts_in(text)
        if before is None or facts is None or not facts.true_of(before):
            said = spoken_text(text, grammar, captions, [*stream, TWINS, PAUSES])
            return Line(said, spontaneous_voice(captions, rng))
    return None
