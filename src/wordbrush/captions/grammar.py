"""Descriptions of pictures in words (P §6.1), in every language that has a file.

A description names every object with all its attributes, and says how the objects lie to each
other.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TypeVar

import numpy as np

from wordbrush.captions.engines.interface import PAUSE
from wordbrush.captions.language import (
    BEHIND,
    SAID,
    Language,
    Word,
    found,
    language_of,
    places,
)
from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.scenes.facts import relate

T = TypeVar("T")
PAUSE_CHANCE = 0.65  # of a pause behind a describing word, in a caption with pauses
PAIR_SHARE = 0.5  # of captions of two objects and more, where a language tells two in one sentence


@dataclass(frozen=True)
class Phrase:
    """An object in words; formatted with a case, as in f'{phrase:dative}', it is inflected.

    words: of each of SAID. pauses: whether a pause follows each of them.
    """

    language: Language
    words: tuple[Word, ...]
    pauses: tuple[bool, ...] = (False,) * len(SAID)

    @property
    def gender(self) -> str:
        """Of the noun."""
        gender = self.words[SAID.index("shape")].gender
        assert gender is not None, "the file of a language was checked"
        return gender

    def agreeing(self, case: str) -> dict[str, str]:
        """The words that agree with it: articles, pronouns, verbs."""
        return {
            name: found(forms, self.gender, case) for name, forms in self.language.agreeing.items()
        }

    def __format__(self, case: str) -> str:
        filled: defaultdict[str, str] = defaultdict(str, self.agreeing(case))
        for name, word, pause in zip(SAID, self.words, self.pauses, strict=True):
            form = self.language.form(word, self.gender, case)
            filled[BEHIND if word.behind else name] = form + PAUSE if pause else form
        return " ".join(self.language.phrase.format_map(filled).split())


@dataclass(frozen=True)
class Grammar:
    """How pictures are described in one language."""

    language: Language

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """What captions can say of objects."""
        return self.language.vocabulary

    def describe(self, objects: Sequence[Mapping], rng: np.random.Generator) -> str:
        """One description, varied in wording and order.

        objects: mappings with shape, material, color and size, and the middle x, y in pixels.
        """
        if not objects:
            return chosen(self.language.nothing, rng)
        told = [objects[number] for number in rng.permutation(len(objects))]
        paired = len(told) > 1 and bool(self.language.pairs) and rng.random() < PAIR_SHARE
        text, case, last = self._pair(told, rng) if paired else self._opening(told[0], rng)
        first = 2 if paired else 1
        for thing, other in zip(told[first:], told[first - 1 :], strict=False):
            way = chosen(self.language.relations[relate(thing, other)].of_it, rng)
            join = self.language.joins[int(rng.random() * len(self.language.joins))]
            phrase = self.phrase(thing, rng)
            text += f" {self.joined(join, way, phrase, last, case)}"
            last = phrase
        return text

    def phrase(self, thing: Mapping, rng: np.random.Generator) -> Phrase:
        """'a small red rubber cube', with one of the synonyms of each word."""
        words = [chosen(self.language.words[thing[name]], rng) for name in SAID]
        return Phrase(self.language, tuple(words))

    def _opening(self, thing: Mapping, rng: np.random.Generator) -> tuple[str, str, Phrase]:
        """The first object; returns the case in which the sentence goes on, and the object, too."""
        pattern = chosen(self.language.openings, rng)
        phrase = self.phrase(thing, rng)
        text, case = self.opened(pattern, phrase)
        return text, case, phrase

    def opened(self, pattern: str, phrase: Phrase) -> tuple[str, str]:
        """The beginning of a caption, and the case in which it goes on."""
        case = places(pattern)["thing"]
        return pattern.format(thing=phrase, **phrase.agreeing(case)), case

    def joined(self, join: str, way: str, phrase: Phrase, last: Phrase, case: str) -> str:
        """A further object, and where it lies as seen from the last one."""
        agreeing = phrase.agreeing(case)
        way = way.format(**last.agreeing(case))
        return join.format(thing=f"{phrase:{case}}", way=way, **agreeing)

    def _pair(self, told: Sequence[Mapping], rng: np.random.Generator) -> tuple[str, str, Phrase]:
        """The first two objects, one as the landmark of the other; returns as `_opening` does.

        The pattern decides which of them is told first: that is told[0].
        """
        pattern = chosen(self.language.pairs, rng)
        cases = places(pattern)
        order = [name for name in cases if name in ("thing", "landmark")]
        things = dict(zip(order, told, strict=False))
        way = chosen(self.language.relations[relate(things["thing"], things["landmark"])].of, rng)
        phrases = {name: self.phrase(things[name], rng) for name in order}
        agreeing = phrases["thing"].agreeing(cases["thing"])
        text = pattern.format(**phrases, **agreeing, way=way)
        return text, cases["thing"], phrases[order[-1]]

    def with_pauses(self, text: str, rng: np.random.Generator) -> str:
        """The same words, with a comma behind some of those that describe, except at the end.

        'a small, red rubber, cube': a voice pauses at a comma, as people do who think of the next
        word.
        """
        words = text.split()
        drawn = rng.random(len(words)) < PAUSE_CHANCE
        drawn[-1] = False
        return " ".join(
            word + PAUSE if pause and self._describes(words[: number + 1]) else word
            for number, (word, pause) in enumerate(zip(words, drawn, strict=True))
        )

    def _describes(self, words: list[str]) -> bool:
        """Whether these words end with one that describes: 'Metall' alone does not, 'aus Metall'
        does."""
        return any(tuple(words[-length:]) in self._forms for length in range(1, self._longest + 1))

    @cached_property
    def _forms(self) -> frozenset[tuple[str, ...]]:
        words = (word for synonyms in self.language.words.values() for word in synonyms)
        return frozenset(
            tuple(form.split()) for word in words for form in self.language.forms(word)
        )

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._forms))


@cache
def grammar_of(language: str) -> Grammar:
    """The grammar of a language, by its code. Raises WordbrushError where it has none."""
    return Grammar(language_of(language))


def chosen(values: Sequence[T], rng: np.random.Generator) -> T:
    """One of them, all alike."""
    return values[int(rng.choice(len(values)))]


ENGLISH = grammar_of("en")
VOCABULARY = ENGLISH.vocabulary
describe = ENGLISH.describe
