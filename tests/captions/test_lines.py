"""Who speaks which line."""

from collections import Counter

import numpy as np
import pytest

from wordbrush import params as parameters
from wordbrush.captions.lines import random_voice
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
