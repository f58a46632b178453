"""Captions of every language: golden sentences for each gender and case; files that are wrong."""

import hashlib
import re

import numpy as np
import pytest

from wordbrush.captions.grammar import ENGLISH, Grammar, Phrase, grammar_of
from wordbrush.captions.language import SAID, Language, known_languages, language_of
from wordbrush.captions.voices import Voice, speak
from wordbrush.captions.wording import Wording
from wordbrush.errors import WordbrushError
from wordbrush.scenes.facts import Facts
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.storage.validation import validated

CODES = known_languages()
CUBE = {"size": "small", "color": "red", "material": "metal", "shape": "cube"}
BALL = {"size": "large", "color": "blue", "material": "rubber", "shape": "sphere"}
LEFT, RIGHT = CUBE | {"x": 3.0, "y": 9.0}, BALL | {"x": 20.0, "y": 10.0}
FRONT, BACK = CUBE | {"x": 9.0, "y": 20.0}, BALL | {"x": 10.0, "y": 3.0}
# Of the small red metal cube, the large blue rubber sphere: the first word of each value.
PHRASES = {
    ("en", "plain"): ("a small red metal cube", "a large blue rubber sphere"),
    ("de", "nominative"): (
        "ein kleiner roter Würfel aus Metall",
        "eine große blaue Kugel aus Gummi",
    ),
    ("de", "accusative"): (
        "einen kleinen roten Würfel aus Metall",
        "eine große blaue Kugel aus Gummi",
    ),
    ("de", "dative"): (
        "einem kleinen roten Würfel aus Metall",
        "einer großen blauen Kugel aus Gummi",
    ),
    ("es", "any"): ("un pequeño cubo rojo de metal", "una gran esfera azul de goma"),
    ("hi", "direct"): ("एक छोटा लाल धातु का घन", "एक बड़ा नीला रबर का गोला"),
    ("hi", "oblique"): ("एक छोटे लाल धातु के घन", "एक बड़े नीले रबर के गोले"),
}
# The same of the last word of each value, which is of another gender or place.
OTHERS = {
    ("de", "nominative"): (
        "ein winziger glänzender roter Klotz",
        "ein riesiger matter blauer Ball",
    ),
    ("de", "accusative"): (
        "einen winzigen glänzenden roten Klotz",
        "einen riesigen matten blauen Ball",
    ),
    ("de", "dative"): (
        "einem winzigen glänzenden roten Klotz",
        "einem riesigen matten blauen Ball",
    ),
    ("es", "any"): ("un diminuto bloque rojo metálico", "una enorme bola azul de caucho"),
    ("hi", "direct"): ("एक नन्हा लाल चमकीला गुटका", "एक विशाल नीली रबड़ की गेंद"),
    ("hi", "oblique"): ("एक नन्हे लाल चमकीले गुटके", "एक विशाल नीली रबड़ की गेंद"),
}
GOLDEN = {  # some of what is said of the cube, left of or in front of the sphere
    "en": [
        "there is a small red metal cube and a large blue rubber sphere to the right of it",
        "i see a large blue rubber sphere and left of it a small red metal cube",
        "here is a large blue rubber sphere and in front of it a small red metal cube",
    ],
    "de": [
        "links von einer großen blauen Kugel aus Gummi ist ein kleiner roter Würfel aus Metall",
        "ich sehe eine große blaue Kugel aus Gummi rechts von einem kleinen roten Würfel aus "
        "Metall",
        "da ist ein kleiner roter Würfel aus Metall links von einer großen blauen Kugel aus Gummi",
        "ich sehe eine große blaue Kugel aus Gummi und links davon einen kleinen roten Würfel aus "
        "Metall",
        "dieses Bild zeigt einen kleinen roten Würfel aus Metall und eine große blaue Kugel aus "
        "Gummi rechts von ihm",
        "vor einer großen blauen Kugel aus Gummi ist ein kleiner roter Würfel aus Metall",
        "hier ist eine große blaue Kugel aus Gummi und vor ihr ein kleiner roter Würfel aus Metall",
        "auf diesem Bild ist ein kleiner roter Würfel aus Metall und dahinter eine große blaue "
        "Kugel aus Gummi",
    ],
    "es": [
        "hay un pequeño cubo rojo de metal a la izquierda de una gran esfera azul de goma",
        "a la derecha de un pequeño cubo rojo de metal hay una gran esfera azul de goma",
        "veo una gran esfera azul de goma y a la izquierda de ella un pequeño cubo rojo de metal",
        "aquí hay un pequeño cubo rojo de metal y una gran esfera azul de goma a su derecha",
        "esta imagen muestra un pequeño cubo rojo de metal y detrás de él una gran esfera azul de "
        "goma",
        "veo un pequeño cubo rojo de metal delante de una gran esfera azul de goma",
    ],
    "hi": [
        "एक बड़े नीले रबर के गोले की बाईं ओर एक छोटा लाल धातु का घन है",
        "एक बड़ा नीला रबर का गोला एक छोटे लाल धातु के घन की दाईं तरफ़ है",
        "मुझे एक छोटा लाल धातु का घन दिखाई देता है और उसकी दाईं ओर एक बड़ा नीला रबर का गोला है",
        "यह तस्वीर एक बड़ा नीला रबर का गोला दिखाती है और एक छोटा लाल धातु का घन उसके सामने है",
        "एक छोटे लाल धातु के घन के पीछे एक बड़ा नीला रबर का गोला है",
    ],
}


def with_word(code: str, number: int) -> Grammar:
    """A grammar that has one word for each value: its first or its last."""
    language = language_of(code)
    words = {value: [words[number]] for value, words in language.words.items()}
    return Grammar(language.model_copy(update={"words": words}))


def said(grammar: Grammar, objects: list[dict], count: int = 600) -> set[str]:
    return {grammar.describe(objects, np.random.default_rng(seed)) for seed in range(count)}


def phrases(code: str, number: int) -> list[Phrase]:
    rng, grammar = np.random.default_rng(0), with_word(code, number)
    return [grammar.phrase(thing, rng) for thing in (CUBE, BALL)]


@pytest.mark.parametrize(("number", "golden"), [(0, PHRASES), (-1, OTHERS)])
def test_words_agree_in_every_gender_and_case(number, golden):
    for (code, case), expected in golden.items():
        assert tuple(f"{one:{case}}" for one in phrases(code, number)) == expected, (code, case)
    assert {key for key in golden if key[0] != "en"} == {
        (code, case) for code in ("de", "es", "hi") for case in language_of(code).cases
    }


@pytest.mark.parametrize("code", CODES)
def test_sentences_are_those_of_the_language(code):
    grammar = with_word(code, 0)
    texts = said(grammar, [LEFT, RIGHT]) | said(grammar, [FRONT, BACK])
    assert not [text for text in GOLDEN[code] if text not in texts]


@pytest.mark.parametrize("code", CODES)
def test_every_sentence_tells_each_object_once_with_all_its_attributes(code):
    grammar = grammar_of(code)
    meaning = grammar.vocabulary.meaning
    third = {"size": "small", "color": "yellow", "material": "metal", "shape": "cylinder"}
    texts = said(grammar, [LEFT, RIGHT, third | {"x": 9.0, "y": 30.0}], 300)
    assert len(texts) > 250
    told = sorted([*CUBE.values(), *BALL.values(), *third.values()])
    for text in texts:
        assert sorted(meaning[word] for word in text.split() if word in meaning) == told, text
        assert not re.search(r"[{}]|  ", text)


def test_english_says_what_it_always_said():
    """The sentences of the models that were released, with their random numbers."""
    digest = hashlib.sha256()
    for seed in range(3000):
        rng = np.random.default_rng([5, seed])
        count = seed % 5
        things = [
            {name: str(rng.choice(values)) for name, values in ATTRIBUTES.items()}
            | {"x": float(rng.random()), "y": float(rng.random())}
            for _ in range(count)
        ]
        rng = np.random.default_rng(seed)
        text = ENGLISH.describe(things, rng)
        told = [text, ENGLISH.with_pauses(text, rng), str(rng.random())]
        if count:
            facts = Facts.of(things, list(range(count)))
            wording = Wording.draw(count, 0.5, rng)
            told += [wording.say(facts), wording.with_synonym(facts, rng).say(facts)]
            told.append(str(rng.random()))
        digest.update("".join(told).encode())
    expected = "950691bb18273ac2564acb1e681e233cb1a026ec0d089b5f1ca4d74531f86df4"
    assert digest.hexdigest() == expected


@pytest.mark.parametrize("code", CODES)
def test_each_word_can_be_heard(code):
    grammar = grammar_of(code)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        text = grammar.with_pauses(grammar.describe([LEFT, RIGHT], rng), rng)
        words = speak(text, Voice(code, 175, 50)).words
        assert [word["word"] for word in words] == text.replace(",", "").split()
    for word in (word for words in grammar.vocabulary.synonyms.values() for word in words):
        assert [one["word"] for one in speak(word, Voice(code, 175, 50)).words] == [word]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("en", "left right in front behind"),  # "in" is said of what stands in front alone
        ("de", "links rechts davor vor dahinter hinter"),
        ("es", "izquierda derecha delante detrás"),
        ("hi", "बाईं दाईं सामने आगे पीछे"),
    ],
)
def test_relations_are_told_apart_by_words_of_their_own(code, words):
    assert language_of(code).relation_words == set(words.split())


def test_pauses_follow_whole_words():
    for code, text, ends in (
        ("de", "ein kleiner Würfel aus Metall und davor ein Ball", {"kleiner", "Würfel", "Metall"}),
        ("hi", "एक छोटा धातु का घन है", {"छोटा", "का", "घन"}),
        ("es", "hay una gran esfera azul de goma y un cubo", {"gran", "esfera", "azul", "goma"}),
    ):
        rng = np.random.default_rng(0)
        texts = [grammar_of(code).with_pauses(text, rng) for _ in range(60)]
        assert {word[:-1] for one in texts for word in one.split() if "," in word} == ends


@pytest.mark.parametrize("code", CODES)
def test_one_wording_says_facts_in_every_language(code):
    grammar = grammar_of(code)
    facts = Facts.of([LEFT, RIGHT], [0, 1])
    rng = np.random.default_rng(3)
    wording = Wording.draw(2, 0.0, rng, grammar)
    meaning = grammar.vocabulary.meaning
    for one in (wording, wording.with_synonym(facts, rng)):
        told = [meaning[word] for word in one.say(facts).split() if word in meaning]
        assert sorted(told) == sorted([*CUBE.values(), *BALL.values()])
    assert wording.say(facts) != wording.say(facts.exchanged(0, 1, "left_right"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"words": {"red": [{"stem": "rot", "endings": "x"}]}}, "words.red: there are no endings"),
        ({"words": {"cube": [{"stem": "Würfel"}]}}, "words.cube: 'Würfel' needs a gender"),
        ({"words": {"cube": [{"stem": "W", "gender": "n"}]}}, "'n' is not one of genders"),
        ({"words": {"red": [{"stem": "blau"}]}}, "'blau' means both"),
        ({"words": {"red": [{"stem": "Blau"}]}}, "'blau' means both"),  # case is not heard
        ({"words": {"red": [{"stem": "in Rot"}]}}, "'in Rot' has spaces"),
        ({"words": {"pink": [{"stem": "rosa"}]}}, "words has pink, which the world does not"),
        ({"agreeing": {"it": {"m": "ihm"}}}, "it lacks the form of 'f nominative'"),
        ({"agreeing": {"it": {"m": "ihm", "f": "ihr", "n": "ihm"}}}, "'n' is no gender"),
        ({"openings": ["da ist {thing}"]}, "must name one of cases"),
        ({"openings": ["da ist"]}, "lacks {thing}"),
        ({"joins": ["und {thing} {where}"]}, "unknown place {where}"),
        ({"joins": ["und {thing:dative} {way}"]}, "takes no case"),
        ({"phrase": "{article} {size} {color} {shape} {material}"}, "phrase has no {behind}"),
        ({"relations": {"left": {"of_it": ["links davon"]}}}, "need `of` for every relation"),
        ({"genus": 1}, "genus = 1 is unknown"),
    ],
)
def test_a_wrong_file_is_refused(changes, named):
    data = language_of("de").model_dump()
    for field, value in changes.items():
        data[field] = data[field] | value if isinstance(value, dict) else value
    with pytest.raises(WordbrushError, match=r"^de\.yaml: ") as fault:
        validated(Language, data, "de.yaml")
    assert named in str(fault.value)


def test_a_language_without_a_file_is_refused():
    with pytest.raises(WordbrushError, match="no grammar of the language 'xx': use de, en, es, hi"):
        language_of("xx")


def test_a_phrase_says_every_attribute():
    assert set(SAID) == set(ATTRIBUTES)
