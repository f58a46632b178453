"""What is said, and who says it."""

from collections import Counter

import numpy as np
import pytest

from wordbrush import params as parameters
from wordbrush.captions.grammar import ENGLISH, VOCABULARY
from wordbrush.captions.lines import drawing_lines, random_voice
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
