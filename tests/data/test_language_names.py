"""Names of languages for people."""

import pytest

from wordbrush.captions.language import known_languages, language_of
from wordbrush.corpora.sides import LANGUAGES
from wordbrush.data.language_names import language_name, named_with_code


@pytest.mark.parametrize(
    ("code", "name", "both"),
    [
        ("el", "Greek", "Greek (el)"),
        ("pt_BR", "Portuguese (BR)", "Portuguese (pt_BR)"),
        ("en-GB", "English (GB)", "English (en-GB)"),
        ("zxx", "No linguistic content", "No linguistic content (zxx)"),
        ("cmn", "Chinese", "Chinese (cmn)"),
        ("XH", "Xhosa", "Xhosa (XH)"),
        ("isiXhosa", "isiXhosa", "isiXhosa"),
        ("", "", ""),
    ],
)
def test_codes_have_names_and_names_stay(code, name, both):
    assert language_name(code) == name and named_with_code(code) == both


def test_every_language_of_the_grammars_has_its_name():
    assert all(language_name(code) == language_of(code).name for code in known_languages())


def test_every_language_of_the_stamps_has_a_name():
    assert all(language_name(code) != code for code in LANGUAGES)
