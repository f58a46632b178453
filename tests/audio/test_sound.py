"""Silence, and sound at other sample rates."""

import io

import numpy as np
import pytest
import soundfile

from wordbrush.audio.sound import SAMPLE_RATE, decode, encode, resample
from wordbrush.errors import WordbrushError


def tone(rate: int, seconds: float = 0.5) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(
        np.float32
    )


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
def test_a_tone_stays_the_same_tone_at_16_khz(rate):
    heard, wanted = resample(tone(rate), rate), tone(SAMPLE_RATE)
    assert heard.dtype == np.float32 and len(heard) == len(wanted)
    assert np.abs(heard - wanted)[200:-200].max() < 0.01


def test_flac_keeps_16_bits():
    sound = tone(SAMPLE_RATE)
    assert np.abs(decode(encode(sound), "the tone") - sound).max() <= 2**-15


def test_what_is_not_sound_of_ours_is_named():
    with pytest.raises(WordbrushError, match="the file is not readable sound"):
        decode(b"no sound", "the file")
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(8000), 8000, format="FLAC")
    with pytest.raises(WordbrushError, match="the file must be one channel at 16000 Hz"):
        decode(buffer.getvalue(), "the file")
