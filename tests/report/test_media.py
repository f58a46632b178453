"""Pages that are too large: what is embedded gets smaller, then it is left out, the last first."""

import base64
import io
import re

import numpy as np
import pytest
import soundfile
from PIL import Image

from wordbrush.audio.sound import SAMPLE_RATE, encode
from wordbrush.report import figures
from wordbrush.report.media import LEFT_OUT, fitted

SECOND = np.arange(SAMPLE_RATE) / SAMPLE_RATE


@pytest.fixture(scope="module")
def page() -> str:
    """Ten pictures and ten sounds of a second."""
    rng = np.random.default_rng(0)
    parts = []
    for number in range(10):
        smooth = Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8)).resize((64, 64))
        tone = 0.3 * np.sin(2 * np.pi * (200 + 50 * number) * SECOND)
        sound = figures.flac(encode(tone + 0.01 * rng.standard_normal(SAMPLE_RATE)))
        parts.append(
            f'<img src="{figures.png(np.asarray(smooth))}" alt="{number}">'
            f'<audio controls src="{sound}"></audio><p>{number}</p>'
        )
    return "".join(parts)


def embedded(page: str, kind: str) -> list[bytes]:
    found = re.findall(rf"data:{kind};base64,([^\"]+)", page)
    return [base64.b64decode(one) for one in found]


def test_a_page_below_the_limit_stays_as_it_is(page):
    assert fitted(page, len(page)) == page


def test_sounds_and_pictures_become_smaller_and_still_open(page):
    small = fitted(page, len(page) - 1)
    assert len(small) < len(page) / 2 and LEFT_OUT not in small
    pictures, sounds = embedded(small, "image/webp"), embedded(small, "audio/mpeg")
    assert len(pictures) == len(sounds) == 10
    assert Image.open(io.BytesIO(pictures[0])).size == (64, 64)
    heard, rate = soundfile.read(io.BytesIO(sounds[3]))
    spectrum = np.abs(np.fft.rfft(heard))
    assert rate == SAMPLE_RATE and abs(spectrum.argmax() * rate / len(heard) - 350) < 5


def test_what_is_still_too_much_is_left_out_sounds_first(page):
    compressed = len(fitted(page, len(page) - 1))
    some = fitted(page, compressed - 100)
    assert 0 < some.count("<audio") < 10 and some.count("<img") == 10
    assert some.index("<audio") < some.index(LEFT_OUT)  # the first sounds stay
    few = fitted(page, 5_000)
    assert "<audio" not in few and 0 < few.count("<img") < 10 and len(few) <= 5_000
    assert all(f"<p>{number}</p>" in few for number in range(10))
