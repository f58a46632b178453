"""One wording for many facts, so that captions of different facts differ in these alone.

`Grammar.describe` draws its words anew for each caption. Here they are drawn first, and then any
facts about as many objects can be said.
"""

from dataclasses import dataclass, replace

import numpy as np

from wordbrush.captions.engines.interface import PAUSE
from wordbrush.captions.grammar import ENGLISH, PAUSE_CHANCE, VOCABULARY, Grammar, Phrase, chosen
from wordbrush.captions.language import SAID, Word
from wordbrush.scenes.facts import Facts, Told, told
from wordbrush.scenes.world import ATTRIBUTES


@dataclass(frozen=True)
class Wording:
    """How facts about N objects are said.

    words: for each value the word that means it. long: whether it is 'to the left of', not 'left
    of'. behind [N-1]: whether a relation is said after its object. pauses [N]: of each object,
    whether there is a pause after each of its words. One object follows the other: languages that
    tell two in one sentence do so in `describe` alone.
    """

    grammar: Grammar
    opening: str
    words: dict[str, Word]
    long: bool
    behind: tuple[bool, ...]
    pauses: tuple[tuple[bool, ...], ...]

    @classmethod
    def draw(
        cls, objects: int, pauses: float, rng: np.random.Generator, grammar: Grammar = ENGLISH
    ) -> "Wording":
        """One of the grammar's wordings; a share `pauses` of them has pauses between words."""
        chance = PAUSE_CHANCE if rng.random() < pauses else 0.0
        language = grammar.language
        return cls(
            grammar,
            chosen(language.openings, rng),
            {value: chosen(language.words[value], rng) for value in grammar.vocabulary.values},
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
        language = self.grammar.language
        text, case = self.grammar.opened(self.opening, phrases[0])
        told_of = zip(phrases[1:], phrases, facts.relations, self.behind, strict=False)
        for phrase, last, relation, behind in told_of:
            ways = language.relations[relation].of_it
            way = ways[0] if self.long else ways[-1]
            join = language.joins[0] if behind else language.joins[-1]
            text += f" {self.grammar.joined(join, way, phrase, last, case)}"
        return text.rstrip(PAUSE)

    def _phrase(self, thing: Told, pauses: tuple[bool, ...]) -> Phrase:
        values = dict(zip(ATTRIBUTES, thing, strict=True))
        words = tuple(self.words[values[name]] for name in SAID)
        return Phrase(self.grammar.language, words, pauses)

    def with_synonym(self, facts: Facts, rng: np.random.Generator) -> "Wording":
        """Another word for one of the values of these facts; of each object some have another."""
        synonyms = self.grammar.language.words
        said = sorted({value for thing in facts.objects for value in thing})
        value = str(rng.choice([one for one in said if len(synonyms[one]) > 1]))
        others = [word for word in synonyms[value] if word != self.words[value]]
        return replace(self, words=self.words | {value: chosen(others, rng)})


def facts_in(text: str) -> Facts | None:
    """The facts that an English caption of the grammar tells; None where it tells of no object, or
    is none of the grammar's.

    The inverse of `Wording.say` and `grammar.describe`.
    """
    parts = text.replace(PAUSE, "").split(" and ")
    meaning, relations_of = VOCABULARY.meaning, ENGLISH.language.relations
    objects, relations = [], []
    for number, part in enumerate(parts):
        said = [meaning[word] for word in part.split() if word in meaning]
        related = [name for name, ways in relations_of.items() if ways.of_it[-1] in part]
        if len(said) != len(SAID) or len(related) != min(number, 1):
            return None
        values = dict(zip(SAID, said, strict=True))
        if any(value not in ATTRIBUTES[name] for name, value in values.items()):
            return None
        objects.append(told(values))
        relations += related
    return Facts(tuple(objects), tuple(relations))
