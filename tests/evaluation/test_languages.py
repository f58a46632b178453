"""What captions in each language name."""

import pytest

from wordbrush.captions.grammar import grammar_of
from wordbrush.evaluation.languages import content


@pytest.mark.parametrize(
    ("language", "text", "values"),
    [
        ("en", "i see a large, red metal ball", ["large", "red", "metal", "sphere"]),
        ("de", "da ist eine große rote Kugel aus Metall", ["large", "red", "sphere", "metal"]),
        ("de", "da ist ein großer roter Würfel aus Gummi", ["large", "red", "cube", "rubber"]),
    ],
)
def test_captions_name_the_values_of_their_objects(language, text, values):
    assert content(text, grammar_of(language).vocabulary) == tuple(values)


def test_captions_of_people_name_their_words():
    assert content("Große, rote Kugel", None) == ("grosse", "rote", "kugel")
