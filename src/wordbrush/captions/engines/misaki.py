"""IPA as Kokoro was trained on it: misaki's letters, made from espeak-ng's IPA with ties.

The table is that of misaki's EspeakFallback (misaki/espeak.py), without accents of other languages.
"""

LETTERS = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "d^ʒ": "ʤ",
    "e^ɪ": "A",
    "t^ʃ": "ʧ",
    "ɔ^ɪ": "Y",
    "ə^l": "ᵊl",
    "ʔn": "tᵊn",
    "ʔ": "t",
    "r": "ɹ",
    "x": "k",
    "ç": "k",
    "ɚ": "əɹ",
    "ɬ": "l",
}
AMERICAN = {"ɾ": "T", "o^ʊ": "O", "ɜːɹ": "ɜɹ", "ɜː": "ɜɹ", "ɪə": "iə", "e": "A", "ː": ""}
BRITISH = {"e^ə": "ɛː", "iə": "ɪə", "ə^ʊ": "Q", "e": "A"}


def misaki(ipa: str, british: bool) -> str:
    """The IPA of one word in the letters of Kokoro's American or British voices."""
    for table in (LETTERS, BRITISH if british else AMERICAN):
        for letters, letter in table.items():
            ipa = ipa.replace(letters, letter)
    return ipa.replace("^", "")
