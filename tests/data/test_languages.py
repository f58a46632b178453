"""Names of languages for people."""

import pytest

from wordbrush.captions.language import known_languages, language_of
from wordbrush.corpora.sides import LANGUAGES
from wordbrush.data.languages import NAMES, language_name, named_with_code


@pytest.mark.parametrize(
    ("code", "name", "both"),
    [
        ("el", "Greek", "Greek (el)"),
        ("pt_BR", "Portuguese (BR)", "Portuguese (pt_BR)"),
        ("en-GB", "English (GB)", "English (en-GB)"),
        ("zxx", "no language", "no language (zxx)"),
        ("XH", "Xhosa", "Xhosa (XH)"),
        ("isiXhosa", "isiXhosa", "isiXhosa"),
        ("", "", ""),
    ],
)
def test_codes_have_names_and_names_stay(code, name, both):
    assert language_name(code) == name and named_with_code(code) == both


def test_every_language_that_the_code_knows_has_its_name():
    assert set(LANGUAGES) <= set(NAMES)
    assert all(NAMES[code] == language_of(code).name for code in known_languages())


def test_the_table_has_codes_and_names_once():
    assert len(set(NAMES.values())) == len(NAMES) > 150
    assert all(code.islower() and len(code) in (2, 3) for code in NAMES)
