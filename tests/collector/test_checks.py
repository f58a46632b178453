"""What is accepted and what is refused, of speech that espeak-ng says."""

import numpy as np
import pytest

from tests.collector.visitors import SENTENCES, VOICE, spoken
from wordbrush.captions.voices import Voice, speak
from wordbrush.collector.checks import SAME, measure, reasons, similarity, sketch_of

CLEAR = spoken(SENTENCES[0])


def noise(level: float, seconds: float = 3.0) -> np.ndarray:
    return (np.random.default_rng(1).normal(size=round(seconds * 16000)) * level * 32767).astype(
        np.int16
    )


def louder(factor: float) -> np.ndarray:
    return (CLEAR.astype(np.float64) * factor).clip(-32767, 32767).astype(np.int16)


@pytest.mark.parametrize(
    ("samples", "codes"),
    [
        (CLEAR, []),
        (CLEAR[:8000], ["short"]),
        (CLEAR[:0], ["short"]),
        (np.tile(CLEAR, 9), ["long"]),
        (np.zeros(48000, np.int16), ["silent"]),
        (noise(1e-5), ["silent"]),
        (noise(0.05), ["no speech"]),
        (np.pad(spoken("red", around=0.1), 8000), ["little speech"]),
        (np.pad(CLEAR, 80000), ["pauses"]),
        (louder(0.02), ["quiet"]),
        (louder(8.0), ["clipped"]),
        (CLEAR + noise(0.03, len(CLEAR) / 16000), ["noisy"]),
    ],
    ids=lambda value: " ".join(value) or "accepted" if isinstance(value, list) else None,
)
def test_each_fault_is_named(samples, codes):
    assert [one.code for one in reasons(measure(samples), [])] == codes


def test_a_recording_is_known_again_and_another_take_is_none():
    # 3004 samples later: half a sample of a sketch, where it is least like itself
    again = np.pad(louder(0.7), (3004, 8996)) + noise(1e-3, (len(CLEAR) + 12000) / 16000)
    first = measure(CLEAR)
    assert [one.code for one in reasons(measure(again), [first.sketch])] == ["duplicate"]
    takes = [sketch_of(speak(SENTENCES[0], Voice("en-us", rate, 50)).sound) for rate in (169, 172)]
    assert VOICE.rate not in (169, 172)
    assert all(similarity(first.sketch, take) < SAME - 0.1 for take in takes)
