"""What captions can say of an object."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Vocabulary:
    """The attributes of objects with their values, and the words that mean each value.

    synonyms: as they are said alone. inflected: all forms in captions, where these differ.
    """

    attributes: dict[str, tuple[str, ...]]
    synonyms: dict[str, tuple[str, ...]]
    inflected: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def values(self) -> list[str]:
        """The values of all attributes, attribute by attribute."""
        return [value for values in self.attributes.values() for value in values]

    @property
    def meaning(self) -> dict[str, str]:
        """The value that each word means: 'ball' -> 'sphere'."""
        return {
            word: value
            for value in self.values
            for word in (*self.synonyms[value], *self.inflected.get(value, ()))
        }

    @property
    def casefolded(self) -> dict[str, str]:
        """As `meaning`, where case does not matter: 'würfel' -> 'cube', 'gross' -> 'large'."""
        return {word.casefold(): value for word, value in self.meaning.items()}
