"""The same captions through the faults of recordings: the model still finds the same drawings."""

import numpy as np
import pytest
import torch
from scipy.signal import lfilter, resample_poly

from tests.speech import spoken_alone
from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.inputs import prepare
from wordbrush.captions.grammar import describe
from wordbrush.captions.voices import Voice
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.kernels import similarities
from wordbrush.model import Model
from wordbrush.segmenter.parsing import describable

RATE = 16000
CAPTIONS, DRAWINGS = 8, 64
VOICES = ("en", "en+f1", "en-us", "en-us+m2")  # that models/small was trained with


class Heard:
    """Captions of drawings, and the best drawing for each as it was spoken."""

    def __init__(self, model: Model) -> None:
        self.model = model
        drawings = model.draw(DRAWINGS, seed=1)
        told = [objects for objects in model.read(drawings) if describable(objects, 0.5, 0.0)]
        texts = [describe(told[n], np.random.default_rng(n)) for n in range(CAPTIONS)]
        said = [(text, Voice(VOICES[n % len(VOICES)], 175, 50)) for n, text in enumerate(texts)]
        self.sounds = [one.sound.astype(np.float64) for one in spoken_alone(*said)]
        self.seen = Encoded(model.see(drawings))
        self.wanted = [self.best(sound) for sound in self.sounds]

    def best(self, sound: np.ndarray, rate: int = RATE) -> int:
        heard = self.model.hear(sound, rate)
        speech = Encoded(heard, torch.tensor([heard.shape[2]]))
        kind = self.model.encoders.config.similarity
        return int(similarities(self.seen, speech, kind)[:, 0].argmax())


@pytest.fixture(scope="module")
def heard(small) -> Heard:
    return Heard(small)


def alone(sound: np.ndarray, before: float = 2, after: float = 2) -> np.ndarray:
    return np.pad(sound, (round(before * RATE), round(after * RATE)))


def noisy(sound: np.ndarray, decibels: float) -> np.ndarray:
    """With the noise of a room, which is darker than white noise."""
    noise = lfilter([1], [1, -0.95], np.random.default_rng(0).normal(size=len(sound)))
    return sound + noise / noise.std() * sound[sound != 0].std() * 10 ** (decibels / 20)


def humming(sound: np.ndarray, hertz: float, decibels: float) -> np.ndarray:
    time = np.arange(len(sound)) / RATE
    hum = sum(np.sin(2 * np.pi * hertz * n * time + n) / n for n in range(1, 8))
    return sound + hum / hum.std() * sound[sound != 0].std() * 10 ** (decibels / 20)


def slammed(sound: np.ndarray, decibels: float, at: float | None = None) -> np.ndarray:
    """With a bang of some 0.1 s, in the middle if not elsewhere; as loud as a recorder takes it."""
    noise = lfilter([1], [1, -0.9], np.random.default_rng(0).normal(size=5760))
    noise *= np.exp(-np.arange(5760) / 640)
    noise *= sound[sound != 0].std() / noise[:320].std() * 10 ** (decibels / 20)
    first, whole = len(sound) // 2 if at is None else round(at * RATE), sound.copy()
    whole[first : first + 5760] += noise
    return whole / max(1, np.abs(whole).max())


def recorded(sound: np.ndarray) -> np.ndarray:
    """All at once: quiet, 44.1 kHz, two channels of 16 bits."""
    quiet = noisy(humming(alone(0.05 * sound), 50, -15), -35)
    return (np.stack([resample_poly(quiet, 441, 160)] * 2, 1) * 32767).round().astype(np.int16)


# What is done, and of 8 captions for how many the best of 64 drawings must stay: one less than
# was measured.
FAULTS = {
    "44.1 kHz": (lambda s: (resample_poly(s, 441, 160), 44100), 7),
    "a headset's 8 kHz": (lambda s: (resample_poly(s, 1, 2), 8000), 4),
    "one of two channels is silent": (lambda s: (np.stack([s, 0 * s], 1), RATE), 7),
    "crossed channels": (lambda s: (np.stack([s, -0.9 * s], 1), RATE), 7),
    "quiet, 16 bits": (lambda s: ((0.01 * s * 32767).round().astype(np.int16), RATE), 7),
    "silence around": (lambda s: (alone(s, 13, 1), RATE), 7),
    "a room around": (lambda s: (noisy(alone(s), -30), RATE), 7),
    "hum": (lambda s: (humming(alone(s), 60, -10), RATE), 7),
    "clipped": (lambda s: (np.clip(4 * s, -1, 1), RATE), 5),
    "a slam": (lambda s: (slammed(s, 20), RATE), 7),
    "a loud slam": (lambda s: (slammed(s, 30), RATE), 7),
    "a slam before the speech": (lambda s: (slammed(alone(s), 20, at=1), RATE), 7),
    "all at once": (lambda s: (recorded(s), 44100), 7),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_best_drawing_stays(heard, fault):
    change, least = FAULTS[fault]
    kept = sum(
        heard.best(*change(sound)) == best
        for sound, best in zip(heard.sounds, heard.wanted, strict=True)
    )
    assert kept >= least


def test_clean_captions_are_heard_bit_for_bit(heard):
    config = heard.model.config.features
    for sound in heard.sounds:
        clean = sound.astype(np.float32)
        features = [
            log_mel(with_silence(one, config), config) for one in (clean, prepare(clean).sound)
        ]
        assert np.array_equal(*features)


def test_what_is_too_long_is_cut_with_a_warning(heard, caplog):
    sound = np.tile(heard.sounds[0], 8)
    heard.model.hear(sound)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "the first 12.8 s are heard" in caplog.text
