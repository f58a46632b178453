"""Phone times are espeak-ng's own, on the time axis of the features."""

import pytest

from wordbrush.audio.config import FeatureConfig
from wordbrush.captions.lines import Line
from wordbrush.captions.phones import phone_times
from wordbrush.captions.recital import recite_one, row
from wordbrush.captions.voices import Voice


@pytest.fixture(scope="module")
def spoken(demo):
    line = Line("There is a small red cube, and a ball.", Voice("en-us+f2", 170, 50))
    return row(0, "test", line, *recite_one(demo.captions, line)[:2])


def test_phones_follow_each_other_within_their_words(spoken, demo):
    silence = FeatureConfig.taken_from(demo.captions).silence_ms / 1000
    (phones,) = phone_times([spoken], silence)
    said = "".join(one["phone"] for one in phones)
    assert said.startswith("ðɛɹɪzɐsmɔːlɹɛdkjuːb") and said.endswith("bɔː")  # its l has no time
    assert all(one["start"] < one["end"] for one in phones)
    assert all(
        one["end"] <= other["start"] + 1e-9 for one, other in zip(phones, phones[1:], strict=False)
    )
    (red,) = [word for word in spoken["words"] if word["word"] == "red"]
    within = [
        one["phone"]
        for one in phones
        if red["start"] - 1e-3 <= one["start"] and one["end"] <= red["end"] + 1e-3
    ]
    assert "ɹɛ" in "".join(within)
    pause = next(
        other["start"] - one["end"]
        for one, other in zip(phones, phones[1:], strict=False)
        if one["phone"] == "b"
    )
    assert pause > 0.1  # behind the comma nothing is said


def test_only_what_is_known_is_told(spoken):
    other = {**spoken, "voice": "flite/slt"}
    slower = {**spoken, "words": [{**one, "start": 1.1 * one["start"]} for one in spoken["words"]]}
    found = phone_times([other, slower, spoken], 0.1)
    assert found[:2] == [[], []] and found[2]
    assert phone_times([other], 0.1) == [[]]


def test_an_utterance_may_differ_by_a_step_of_the_synthesiser(spoken):
    """As it does after other utterances: a word begins six milliseconds later."""
    later = [{**one, "start": one["start"] + 0.006} for one in spoken["words"][-2:]]
    again = {**spoken, "words": [*spoken["words"][:-2], *later]}
    assert phone_times([again], 0.1) == phone_times([spoken], 0.1) != [[]]
