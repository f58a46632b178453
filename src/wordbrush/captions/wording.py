"""One wording for many facts, so that captions of different facts differ in these alone.

`grammar.describe` draws its words anew for each caption. Here they are drawn first, and then any
facts about as many objects can be said.
"""

from dataclasses import dataclass, replace

import numpy as np

from wordbrush.captions.engines.interface import PAUSE
from wordbrush.captions.grammar import OPENINGS, PAUSE_CHANCE, RELATIONS, SAID, SYNONYMS, VOCABULARY
from wordbrush.scenes.facts import Facts, Told, told
from wordbrush.scenes.world import ATTRIBUTES


@dataclass(frozen=True)
class Wording:
    """How facts about N objects are said.

    words: for each value the word that means it. long: whether it is 'to the left of', not 'left
    of'. behind [N-1]: whether a relation is said after its object. pauses [N]: of each object,
    whether there is a pause after each of its words.
    """

    opening: str
    words: dict[str, str]
    long: bool
    behind: tuple[bool, ...]
    pauses: tuple[tuple[bool, ...], ...]

    @classmethod
    def draw(cls, objects: int, pauses: float, rng: np.random.Generator) -> "Wording":
        """One of the grammar's wordings; a share `pauses` of them has pauses between words."""
        chance = PAUSE_CHANCE if rng.random() < pauses else 0.0
        return cls(
            str(rng.choice(OPENINGS)),
            {value: str(rng.choice(SYNONYMS[value])) for value in VOCABULARY.values},
            bool(rng.random() < 0.5),
            tuple(bool(one < 0.5) for one in rng.random(objects - 1)),
            tuple(tuple(row) for row in (rng.random((objects, len(SAID))) < chance).tolist()),
        )

    def say(self, facts: Facts) -> str:
        """The caption. Raises ValueError for facts about another number of objects."""
        phrases = [
            self._phrase(thing, pauses)
            for thing, pauses in zip(facts.objects, self.pauses, strict=True)
        ]
        text = f"{self.opening} {phrases[0]}"
        for phrase, relation, behind in zip(phrases[1:], facts.relations, self.behind, strict=True):
            ways = RELATIONS[relation]
            way = ways[0] if self.long else ways[-1]
            text += f" and {phrase} {way} it" if behind else f" and {way} it {phrase}"
        return text.rstrip(PAUSE)

    def _phrase(self, thing: Told, pauses: tuple[bool, ...]) -> str:
        values = dict(zip(ATTRIBUTES, thing, strict=True))
        words = [self.words[values[name]] for name in SAID]
        pairs = zip(words, pauses, strict=True)
        return "a " + " ".join(word + PAUSE if pause else word for word, pause in pairs)

    def with_synonym(self, facts: Facts, rng: np.random.Generator) -> "Wording":
        """Another word for one of the values of these facts; of each object some have another."""
        said = sorted({value for thing in facts.objects for value in thing})
        value = str(rng.choice([one for one in said if len(SYNONYMS[one]) > 1]))
        others = [word for word in SYNONYMS[value] if word != self.words[value]]
        return replace(self, words=self.words | {value: str(rng.choice(others))})


def facts_in(text: str) -> Facts | None:
    """The facts that a caption of the grammar tells; None where it tells of no object, or is none
    of the grammar's.

    The inverse of `Wording.say` and `grammar.describe`.
    """
    parts = text.replace(PAUSE, "").split(" and ")
    meaning = VOCABULARY.meaning
    objects, relations = [], []
    for number, part in enumerate(parts):
        said = [meaning[word] for word in part.split() if word in meaning]
        related = [name for name, ways in RELATIONS.items() if f"{ways[-1]} it" in part]
        if len(said) != len(SAID) or len(related) != min(number, 1):
            return None
        values = dict(zip(SAID, said, strict=True))
        if any(value not in ATTRIBUTES[name] for name, value in values.items()):
            return None
        objects.append(told(values))
        relations += related
    return Facts(tuple(objects), tuple(relations))
