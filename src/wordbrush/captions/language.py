"""A language as a file of words and patterns, LANGUAGE.yaml beside this module.

CONTRIBUTING.md says how to write one. Whatever a file says of a word is checked when it is read.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wordbrush.captions.vocabulary import Vocabulary
from wordbrush.errors import WordbrushError
from wordbrush.scenes.facts import INVERSE
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.validation import validated
from wordbrush.storage.yaml import read_yaml

FOLDER = Path(__file__).parent
SAID = ("size", "color", "material", "shape")  # in the order in which their words are drawn
BEHIND = "behind"  # the place in a phrase of words such as 'aus Metall'
Form = str
Forms = dict[str, Form]
"""By gender and case, as in 'f dative', or by gender alone where all cases are alike."""
Patterns = Annotated[list[str], Field(min_length=1)]


class Part(BaseModel):
    """Base of what a file holds: unknown names are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Word(Part):
    """A word that means a value.

    stem: what all its forms begin with. endings: the name of the endings that it takes; None: it
    never changes. gender: of a noun. behind: whether it stands behind the noun, as 'aus Metall'.
    alone: what is said of it alone; None: its form of the first gender and case.
    """

    stem: str
    endings: str | None = None
    gender: str | None = None
    behind: bool = False
    alone: str | None = None


class Relation(Part):
    """Where something lies. of_it: of what was told last, as 'links davon'. of: in front of a
    landmark, as 'links von'."""

    of_it: Patterns
    of: list[str] = []


class Language(Part):
    """The words of a language, and the patterns of its sentences.

    phrase: an object, with a place for each of SAID, for BEHIND, and for words of `agreeing`.
    openings, joins: the first object, and each further one with its relation ({way}) to the one
    before. pairs: the first two objects in one sentence, with {landmark} and {thing}; none: they
    are told like others. nothing: of an empty picture. A place such as {thing:accusative} names the
    case; in joins it is that of the sentence.
    """

    name: str
    genders: Annotated[list[str], Field(min_length=1)]
    cases: Annotated[list[str], Field(min_length=1)]
    endings: dict[str, Forms]
    agreeing: dict[str, Forms]
    words: dict[str, Annotated[list[Word], Field(min_length=1)]]
    phrase: str
    openings: Patterns
    joins: Patterns
    pairs: list[str]
    relations: dict[str, Relation]
    nothing: Patterns

    def form(self, word: Word, gender: str, case: str) -> str:
        """The word as it is said of a noun of this gender in this case."""
        if word.endings is None:
            return word.stem
        return word.stem + found(self.endings[word.endings], gender, case)

    def forms(self, word: Word) -> list[str]:
        """All forms of a word, each once."""
        genders = self.genders if word.gender is None else [word.gender]
        each = (self.form(word, gender, case) for gender in genders for case in self.cases)
        return list(dict.fromkeys(each))

    def alone(self, word: Word) -> str:
        """The word as it is said alone."""
        return self.forms(word)[0] if word.alone is None else word.alone

    def heard(self, word: Word) -> list[str]:
        """By which of its words a caption is understood: 'Metall', of 'aus Metall'."""
        forms = self.forms(word)
        phrases = any(" " in form for form in forms)
        return [self.alone(word)] if phrases else [self.alone(word), *forms]

    @property
    def vocabulary(self) -> Vocabulary:
        """What its captions can say of objects."""
        said = {value: tuple(map(self.alone, words)) for value, words in self.words.items()}
        inflected = {
            value: tuple(form for word in words for form in self.heard(word))
            for value, words in self.words.items()
        }
        return Vocabulary(ATTRIBUTES, said, inflected)

    @property
    def relation_words(self) -> set[str]:
        """The words by which relations are told apart: those that one of them alone has."""
        relations: defaultdict[str, set[str]] = defaultdict(set)
        for name, relation in self.relations.items():
            for way in (*relation.of_it, *relation.of):
                for word in way.format_map(defaultdict(str)).split():
                    relations[word].add(name)
        return {word for word, names in relations.items() if len(names) == 1}

    @model_validator(mode="after")
    def _complete(self) -> "Language":
        values = {value for values in ATTRIBUTES.values() for value in values}
        require_same("words", values, self.words)
        require_same("relations", INVERSE, self.relations)
        for name, forms in (*self.endings.items(), *self.agreeing.items()):
            self._require_forms(name, forms)
        for value, words in self.words.items():
            for word in words:
                self._require_word(value, word)
        if not any(
            all(len(self.words[value]) > 1 for value in values) for values in ATTRIBUTES.values()
        ):
            raise ValueError("words: each value of size, or of another attribute, needs synonyms")
        if self.pairs and not all(relation.of for relation in self.relations.values()):
            raise ValueError("relations: pairs need `of` for every relation")
        return self

    @model_validator(mode="after")
    def _distinct(self) -> "Language":
        meaning: dict[str, str] = {}
        for value, words in self.words.items():
            for form in (form for word in words for form in self.heard(word)):
                if " " in form:
                    raise ValueError(f"words.{value}: {form!r} has spaces; say it alone in a word")
                other = meaning.setdefault(form.casefold(), value)
                if other != value:
                    raise ValueError(f"words: {form!r} means both {other} and {value}")
        return self

    @model_validator(mode="after")
    def _places(self) -> "Language":
        agreeing, cases = set(self.agreeing), set(self.cases)
        require_places("phrase", self.phrase, {*SAID, BEHIND, *agreeing}, set(SAID))
        for pattern in self.openings:
            require_places("openings", pattern, {"thing", *agreeing}, {"thing"}, cases)
        for pattern in self.joins:
            require_places("joins", pattern, {"thing", "way", *agreeing}, {"thing", "way"})
        pair = {"thing", "landmark", "way"}
        for pattern in self.pairs:
            require_places("pairs", pattern, pair | agreeing, pair, cases)
        for relation in self.relations.values():
            for way in (*relation.of_it, *relation.of):
                require_places("relations", way, agreeing, set())
        return self

    def _require_forms(self, name: str, forms: Forms) -> None:
        known = {*self.genders, *(f"{gender} {case}" for gender, case in self._agreements())}
        if unknown := sorted(set(forms) - known):
            raise ValueError(f"{name}: {unknown[0]!r} is no gender with a case: {sorted(known)}")
        for gender, case in self._agreements():
            if gender not in forms and f"{gender} {case}" not in forms:
                raise ValueError(f"{name} lacks the form of '{gender} {case}'")

    def _agreements(self) -> Iterator[tuple[str, str]]:
        return ((gender, case) for gender in self.genders for case in self.cases)

    def _require_word(self, value: str, word: Word) -> None:
        noun = value in ATTRIBUTES["shape"]
        if noun != (word.gender is not None):
            raise ValueError(f"words.{value}: {word.stem!r} needs {'a' if noun else 'no'} gender")
        if noun and word.gender not in self.genders:
            raise ValueError(f"words.{value}: {word.gender!r} is not one of genders")
        if word.endings is not None and word.endings not in self.endings:
            raise ValueError(f"words.{value}: there are no endings {word.endings!r}")
        if word.behind and f"{{{BEHIND}}}" not in self.phrase:
            raise ValueError(
                f"words.{value}: {word.stem!r} is behind, and phrase has no {{behind}}"
            )


def found(forms: Forms, gender: str, case: str) -> Form:
    """The form of this gender and case."""
    return forms[gender] if gender in forms else forms[f"{gender} {case}"]


def places(pattern: str) -> dict[str, str]:
    """What stands in braces, each with the case that it names: {thing:dative} -> thing, dative."""
    return {name: case or "" for _, name, case, _ in Formatter().parse(pattern) if name is not None}


def require_same(field: str, wanted: Iterable[str], given: Iterable[str]) -> None:
    """Raises ValueError where a table lacks something, or has more."""
    if missing := sorted(set(wanted) - set(given)):
        raise ValueError(f"{field} lacks {', '.join(missing)}")
    if more := sorted(set(given) - set(wanted)):
        raise ValueError(f"{field} has {', '.join(more)}, which the world does not")


def require_places(
    field: str, pattern: str, known: set[str], needed: set[str], cases: set[str] | None = None
) -> None:
    """Raises ValueError where a pattern has unknown places, lacks one, or names no case.

    cases: of which things in the pattern name one; None: they name none.
    """
    given = places(pattern)
    if unknown := sorted(set(given) - known):
        raise ValueError(f"{field}: {pattern!r} has the unknown place {{{unknown[0]}}}")
    if missing := sorted(needed - set(given)):
        raise ValueError(f"{field}: {pattern!r} lacks {{{missing[0]}}}")
    for name, case in given.items():
        inflects = cases is not None and name in ("thing", "landmark")
        if inflects and case not in (cases or ()):
            raise ValueError(f"{field}: {{{name}}} in {pattern!r} must name one of cases")
        if case and not inflects:
            raise ValueError(f"{field}: {{{name}}} in {pattern!r} takes no case")


def known_languages() -> list[str]:
    """The languages that have a file, by their codes: de, en, …"""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


@cache
def language_of(code: str) -> Language:
    """The language of this code. Raises WordbrushError where it has no file, or a wrong one."""
    if code not in known_languages():
        raise WordbrushError(
            f"there is no grammar of the language {code!r:.40}: use "
            f"{', '.join(known_languages())}, or add one (CONTRIBUTING.md, How to add a language)."
        )
    path = FOLDER / f"{code}.yaml"
    return validated(Language, read_yaml(path), str(path))
