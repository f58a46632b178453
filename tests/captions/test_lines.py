"""What is said, and who says it."""

from collections import Counter

import numpy as np
import pytest

from wordbrush import params as parameters
from wordbrush.captions.grammar import ENGLISH, VOCABULARY, grammar_of
from wordbrush.captions.lines import describers, drawing_lines, random_voice, spoken_in
from wordbrush.storage.yaml import merge

VOICES = ["en", "en-us", "en+f1", "flite/slt"]


def drawn(tiny: parameters.Params, shares: dict[str, float]) -> Counter:
    changes = {"captions": {"voices": VOICES, "engine_shares": shares}}
    captions = parameters.parse(merge(tiny.model_dump(), changes), "test").captions
    rng = np.random.default_rng(0)
    return Counter(random_voice(captions, rng).name for _ in range(4000))


@pytest.mark.parametrize(
    ("shares", "expected"),
    [({}, [0.25] * 4), ({"espeak-ng": 0.4, "flite": 0.6}, [0.4 / 3, 0.4 / 3, 0.4 / 3, 0.6])],
)
def test_engines_speak_their_shares(tiny, shares, expected):
    counts = drawn(tiny, shares)
    for voice, share in zip(VOICES, expected, strict=True):
        assert counts[voice] / 4000 == pytest.approx(share, abs=0.03)


def test_a_share_of_captions_pauses_between_describing_words(tiny):
    thing = {"shape": "cube", "material": "rubber", "color": "cyan", "size": "small"}
    objects = [thing | {"x": x, "y": 5, "confidence": 1.0} for x in (3, 20)]

    def said(pauses: float) -> list[tuple[str, str]]:
        captions = tiny.captions.model_copy(update={"pauses": pauses})
        lines = drawing_lines([objects] * 400, captions, 0.5, 1)
        return [(line.text, line.voice.name) for line in lines]

    plain, some, all_of_them = said(0.0), said(0.4), said(1.0)
    assert not any("," in text for text, _ in plain)
    for others in (some, all_of_them):
        assert [(text.replace(",", ""), voice) for text, voice in others] == plain
    assert sum("," in text for text, _ in some) / 400 == pytest.approx(0.4, abs=0.08)
    gaps = sum(text.count(",") for text, _ in all_of_them) / 400
    describing = sum(word in VOCABULARY.meaning for word in plain[0][0].split()[:-1])
    assert gaps == pytest.approx(0.65 * describing, rel=0.1)


def test_pauses_follow_describing_words_but_not_the_last():
    text = "i see a large purple matte ball and to the left of it a tiny gray metal block"
    rng = np.random.default_rng(0)
    pauses = {
        word[:-1]
        for _ in range(50)
        for word in ENGLISH.with_pauses(text, rng).split()
        if "," in word
    }
    assert pauses == {"large", "purple", "matte", "ball", "tiny", "gray", "metal"}


SPOKEN = {
    "languages": ["en", "de"],
    "voices": ["en", "en+f1", "flite/slt", "de", "de+f2", "pico/de-DE"],
    "held_out_voices": ["en+f3", "de+f3"],
    "engine_shares": {"espeak-ng": 0.6, "flite": 0.3, "pico": 0.1},
}


def test_each_language_has_its_voices_and_engines_keep_their_proportions(tiny):
    captions = parameters.parse(merge(tiny.model_dump(), {"captions": SPOKEN}), "test").captions
    english, german = (spoken_in(captions, language) for language in ("en", "de"))
    assert english.voices == ["en", "en+f1", "flite/slt"] and english.held_out_voices == ["en+f3"]
    assert german.voices == ["de", "de+f2", "pico/de-DE"] and german.held_out_voices == ["de+f3"]
    assert english.voice_shares == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    assert german.voice_shares == pytest.approx([3 / 7, 3 / 7, 1 / 7])
    assert spoken_in(tiny.captions, "en") is tiny.captions


def test_another_language_says_the_same_of_a_drawing_and_leaves_english_as_it_is(tiny):
    captions = parameters.parse(merge(tiny.model_dump(), {"captions": SPOKEN}), "test").captions
    thing = {"shape": "cube", "material": "rubber", "color": "cyan", "size": "small"}
    drawings = [[thing | {"x": 3, "y": 5, "confidence": 1.0}]] * 20
    alone = drawing_lines(drawings, spoken_in(captions, "en"), 0.5, 1)
    assert drawing_lines(drawings, spoken_in(captions, "en"), 0.5, 1, "en") == alone
    told = drawing_lines(drawings, spoken_in(captions, "de"), 0.5, 1, "de")
    assert {line.voice.language for line in told} == {"de"}
    meaning = grammar_of("de").vocabulary.meaning
    for line in told:
        assert {meaning.get(word) for word in line.text.split()} >= {"cube", "cyan", "small"}


def test_languages_describe_all_drawings_or_parts_of_those_for_training(tiny):
    captions = parameters.parse(merge(tiny.model_dump(), {"captions": SPOKEN}), "test").captions
    apart = captions.model_copy(update={"shared": False})
    assert describers(3, "train", captions) == ["en", "de"]
    assert [describers(number, "train", apart) for number in range(3)] == [["en"], ["de"], ["en"]]
    assert describers(3, "test", apart) == ["en", "de"]
