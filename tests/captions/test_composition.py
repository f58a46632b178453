"""Captions of a case differ by one fact and in nothing else; hard positives say the same facts."""

from dataclasses import replace

import numpy as np
import pytest

from wordbrush.captions.composition import Subjects, changes, spontaneous_voices, write_script
from wordbrush.captions.grammar import ENGLISH, VOCABULARY, describe
from wordbrush.captions.wording import Wording, facts_in
from wordbrush.scenes.edits import change_one_attribute, exchange
from wordbrush.scenes.facts import AXES, EXCHANGES, INVERSE, Facts, things_of
from wordbrush.scenes.sampling import sample_scene
from wordbrush.scenes.world import ATTRIBUTES


@pytest.fixture(scope="module")
def scenes(demo):
    """Without pictures, which no caption needs."""
    rng = np.random.default_rng(1)
    return [sample_scene(demo.scenes, rng, number, "real") for number in range(300)]


@pytest.fixture(scope="module")
def subjects(demo, scenes):
    """The facts of scenes: as of drawings, with one attribute changed, and after exchanges."""
    rng = np.random.default_rng(2)
    real, exchanged = [], []
    for number, scene in enumerate(scenes):
        if change := change_one_attribute(scene, demo.scenes, rng):
            real.append({"scene": scene, **change})
        if change := exchange(scene, demo.scenes, EXCHANGES[number % len(EXCHANGES)], rng):
            exchanged.append({"scene": scene, **change})
    return Subjects(dict(enumerate(map(things_of, scenes))), real, exchanged)


@pytest.fixture(scope="module")
def script(demo, subjects):
    return write_script(subjects, demo.captions, demo.captions.held_out_voices, 20, 7)


def told_lines(script, case):
    lines = list(script.lines)
    return [lines[case[one]] for one in ("right", "wrong")]


def things_told(subjects, case):
    """The objects of the case's picture, or of both of its pictures."""
    if case["on"] == "drawings":
        return [subjects.drawings[case["picture"]]]
    pairs = subjects.real if case["test"] == "wrong_words" else subjects.exchanged
    return [things_of(pairs[case["picture"]][one]) for one in ("scene", "edited")]


def test_a_text_tells_its_facts(scenes):
    rng = np.random.default_rng(0)
    for number, scene in enumerate(scenes[:100]):
        things = things_of(scene)
        facts = Facts.of(things, rng.permutation(len(things)).tolist())
        assert facts_in(Wording.draw(len(things), 0.5, rng).say(facts)) == facts
        seed = [5, number]
        order = np.random.default_rng(seed).permutation(len(things)).tolist()
        described = describe(things, np.random.default_rng(seed))
        assert facts_in(described) == Facts.of(things, order)
    for text in (
        *ENGLISH.language.nothing,
        "there is a red cube",
        "a dog runs and a boy laughs",
        "",
    ):
        assert facts_in(text) is None


def test_every_kind_has_its_cases(script):
    counts = script.counts
    for name in ATTRIBUTES:
        for medium in ("drawings", "scenes"):
            assert counts[medium, "wrong_words", name] == 20
    for kind in EXCHANGES:
        assert counts["drawings", "exchanges", kind] == 20
        assert 0 < counts["scenes", "exchanges", kind] <= 20
    assert sum(counts.values()) == len(script.cases)


def test_a_wrong_caption_is_wrong_by_one_fact_alone(script, subjects):
    for case in script.cases:
        right, wrong = told_lines(script, case)
        assert right.voice == wrong.voice
        one, other = (facts_in(line.text) for line in (right, wrong))
        things = things_told(subjects, case)
        assert one.true_of(things[0]) and not other.true_of(things[0])
        if len(things) == 2:
            assert other.true_of(things[1]) and not one.true_of(things[1])
        words = [line.text.replace(",", "").split() for line in (right, wrong)]
        if case["kind"] == "front_behind":  # `in front of` and `behind`
            assert changed_relations(one, other) == 1
            continue
        differing = [pair for pair in zip(*words, strict=True) if pair[0] != pair[1]]
        assert [line.text.count(",") for line in (right, wrong)] in ([n, n] for n in range(20))
        if case["kind"] == "left_right":
            assert [set(pair) for pair in differing] == [{"left", "right"}]
        else:
            assert {VOCABULARY.meaning[word] for pair in differing for word in pair} <= set(
                ATTRIBUTES[case["kind"]]
            )
            assert len(differing) == (1 if case["test"] == "wrong_words" else 2)
        if case["test"] == "exchanges":
            assert sorted(words[0]) == sorted(words[1]) or case["kind"] in AXES


def changed_relations(one, other):
    assert one.objects == other.objects
    return sum(
        INVERSE[a] == b for a, b in zip(one.relations, other.relations, strict=True) if a != b
    )


def test_hard_positives_say_the_same_facts(script, demo):
    lines, seen = list(script.lines), set()
    for case in script.cases:
        if case["test"] == "exchanges":
            assert case["positives"] == {}
            continue
        right, _ = told_lines(script, case)
        facts = facts_in(right.text)
        others = {name: lines[number] for name, number in case["positives"].items()}
        seen |= set(others)
        synonym = others["synonym"]
        assert synonym.voice == right.voice and facts_in(synonym.text) == facts
        pairs = zip(right.text.split(), synonym.text.split(), strict=True)
        differing = {
            tuple(word.rstrip(",") for word in pair) for pair in pairs if len(set(pair)) > 1
        }
        ((before, after),) = differing
        assert any({before, after} == set(words) for words in VOCABULARY.synonyms.values())
        voice = others["voice"]
        assert voice.text == right.text and voice.voice.name in demo.captions.held_out_voices
        assert right.voice.name in demo.captions.voices
        assert ("order" in others) == (len(facts.objects) > 1)
        if "order" in others:
            order = others["order"]
            assert order.voice == right.voice and facts_in(order.text) == facts.reversed()
    assert seen == {"synonym", "voice", "order"}


def test_pauses_and_words_are_kept_across_facts(scenes):
    rng = np.random.default_rng(0)
    things = next(things_of(one) for one in scenes if len(one["objects"]) == 3)
    facts = Facts.of(things, [0, 1, 2])
    for _ in range(20):
        wording = Wording.draw(3, 1.0, rng)
        for _, kind, wrong in changes(facts, rng):
            texts = [wording.say(one) for one in (facts, wrong)]
            assert texts[0].count(",") == texts[1].count(",") and kind
    assert "," not in Wording.draw(3, 0.0, rng).say(facts)


def test_people_say_only_what_they_have_recorded(demo, subjects):
    """New sentences are said by the other voices; without any, nothing is said."""
    some = demo.captions.model_copy(
        update={
            "voices": ["recordings/a", "en"],
            "held_out_voices": ["recordings/b"],
            "engine_shares": {},
        }
    )
    script = write_script(subjects, some, some.held_out_voices, 3, 7)
    assert {line.voice.name for line in script.lines} == {"en"}
    assert spontaneous_voices(some) == {"en": 1.0}
    assert not any("voice" in case["positives"] for case in script.cases)
    people = some.model_copy(update={"voices": ["recordings/a"]})
    assert write_script(subjects, people, [], 3, 7).cases == []


def test_lone_objects_have_no_exchanges(demo, subjects):
    lonely = {number: things[:1] for number, things in subjects.drawings.items()}
    script = write_script(replace(subjects, drawings=lonely, exchanged=[]), demo.captions, [], 3, 7)
    assert {case["test"] for case in script.cases} == {"wrong_words"}
    assert write_script(subjects, demo.captions, demo.captions.held_out_voices, 0, 7).cases == []


def test_more_cases_leave_the_first_as_they_are(demo, subjects, script):
    fewer = write_script(subjects, demo.captions, demo.captions.held_out_voices, 5, 7)
    lines, kept = list(script.lines), list(fewer.lines)
    for case in fewer.cases:
        same = next(
            one
            for one in script.cases
            if all(one[name] == case[name] for name in ("on", "test", "kind", "picture"))
        )
        for role in ("right", "wrong"):
            assert kept[case[role]] == lines[same[role]]
