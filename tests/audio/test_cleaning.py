"""What recordings have beside speech is found and removed, and the account of it is true."""

import logging

import numpy as np
import pytest

from wordbrush.audio.cleaning import SILENCE
from wordbrush.audio.inputs import load_sound, prepare
from wordbrush.audio.levels import FRAME, LIMIT_DB, measured
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.captions.voices import Voice, speak

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def said() -> np.ndarray:
    """A caption, float64 [S], its peak 0.5."""
    sound = speak("there is a small red cube and a large ball", Voice("en-us+m1", 175, 50)).sound
    return 0.5 * sound.astype(np.float64) / np.abs(sound).max()


def around(sound: np.ndarray, before: float, after: float) -> np.ndarray:
    return np.pad(sound, (round(before * SAMPLE_RATE), round(after * SAMPLE_RATE)))


def waves(count: int, hertz: float) -> np.ndarray:
    """Hum with seven harmonics."""
    time = np.arange(count) / SAMPLE_RATE
    return sum(np.sin(2 * np.pi * hertz * n * time + n) / n for n in range(1, 8))


def bang(decibels: float, sound: np.ndarray) -> np.ndarray:
    """Noise of some 0.1 s that is so much louder than the sound."""
    noise = RNG.normal(size=4800) * np.exp(-np.arange(4800) / 640)
    return noise * sound.std() * 10 ** (decibels / 20)


def speech_level(sound: np.ndarray) -> float:
    return measured(sound.astype(np.float32)).speech


def test_clean_speech_stays_as_it_is(said):
    prepared = prepare(said.astype(np.float32))
    assert str(prepared.changes) == "as it came"
    factor = prepared.sound.max() / said.astype(np.float32).max()
    assert factor == 2.0 ** round(np.log2(factor))
    assert np.array_equal(prepared.sound, factor * said.astype(np.float32))


def test_what_was_cleaned_is_clean(said):
    first = prepare(around(said, 2, 1) + 0.01 * waves(len(said) + 3 * SAMPLE_RATE, 50))
    again = prepare(first)
    assert str(again.changes) == "as it came"
    assert len(again.sound) == pytest.approx(len(first.sound), abs=2 * FRAME)


@pytest.mark.parametrize("noise", [0, 1e-4, 1e-3, 4e-3])
def test_silence_is_cut_whatever_its_noise(said, noise):
    recorded = around(said, 3, 2)
    prepared = prepare(recorded + noise * RNG.normal(size=len(recorded)))
    margin = SILENCE * FRAME / SAMPLE_RATE
    assert prepared.changes.cleaning.cut == pytest.approx((3 - margin, 2 - margin), abs=0.12)
    assert "s without speech cut (" in str(prepared.changes)


@pytest.mark.parametrize("hertz", [49.93, 50, 60.04])
def test_hum_is_removed(said, hertz):
    recorded = around(said, 1, 1)
    prepared = prepare(recorded + 0.05 * waves(len(recorded), hertz))
    assert prepared.changes.cleaning.hum_hz == pytest.approx(hertz, abs=0.005)
    assert f"hum of {hertz:.1f} Hz removed" in str(prepared.changes)
    clean = prepare(recorded)
    count = min(len(clean.sound), len(prepared.sound))
    assert prepared.changes.cleaning.cut == pytest.approx(clean.changes.cleaning.cut, abs=0.02)
    shift = round((clean.changes.cleaning.cut[0] - prepared.changes.cleaning.cut[0]) * SAMPLE_RATE)
    pieces = [np.roll(each, by)[FRAME * 3 : count - FRAME * 3]
              for each, by in ((clean.sound, shift), (prepared.sound, 0))]  # fmt: skip
    pieces = [piece / np.abs(piece).max() for piece in pieces]
    assert np.std(pieces[0] - pieces[1]) < 0.02 * np.std(pieces[0])


def test_hum_is_removed_from_a_long_recording(said):
    recorded = around(said, 60, 20)
    prepared = prepare(recorded + 0.01 * waves(len(recorded), 49.93))
    assert prepared.changes.cleaning.hum_hz == pytest.approx(49.93, abs=0.005)
    assert sum(prepared.changes.cleaning.cut) > 79


@pytest.mark.parametrize("voice", ["en+f4", "en-us+m1", "en-gb-scotland"])
@pytest.mark.parametrize("pitch", [10, 31, 50])
def test_a_voice_is_no_hum(voice, pitch):
    for text in ("blue", "a large purple metal ball behind a small yellow rubber cylinder"):
        assert prepare(speak(text, Voice(voice, 175, pitch))).changes.cleaning.hum_hz is None


@pytest.mark.parametrize("decibels", [10, 20, 30])
def test_a_bang_does_not_move_the_level(said, decibels):
    slammed = around(said, 0, 0)
    middle = len(said) // 2
    slammed[middle : middle + 4800] += bang(decibels, said)
    slammed /= max(1, np.abs(slammed).max())
    before, after = prepare(said), prepare(slammed)
    # Gains are powers of two: within 3 dB of the usual level, whatever came.
    assert speech_level(after.sound) == pytest.approx(speech_level(before.sound), abs=6.1)
    levels = measured(after.sound)
    assert levels.decibels.max() < levels.speech + LIMIT_DB + 6
    if decibels > 10:
        assert "s far louder than the speech lowered" in str(after.changes)


def test_a_bang_far_from_the_speech_is_cut(said):
    recorded = around(said, 3, 2)
    recorded[SAMPLE_RATE : SAMPLE_RATE + 4800] += bang(20, said)
    assert prepare(recorded / 4).changes.cleaning.cut[0] == pytest.approx(
        3 - SILENCE * FRAME / SAMPLE_RATE, abs=0.1
    )


def test_clipping_is_told_and_warned_of(said, caplog):
    clipped = (np.clip(8 * said, -1, 1) * 32767).astype(np.int16)
    share = 100 * np.mean(np.abs(clipped) == 32767)
    assert prepare(clipped).changes.clipped == pytest.approx(share, rel=0.2)
    with caplog.at_level(logging.INFO):
        load_sound(said)
        load_sound(np.stack([clipped, clipped], 1))
    quiet, loud = caplog.records
    assert (quiet.levelname, quiet.message) == ("INFO", "sound: as it came")
    assert loud.levelname == "WARNING" and "% of samples are clipped" in loud.message


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32"])
def test_loud_or_coarse_speech_is_not_clipped(said, dtype):
    scaled = {"int16": 600 * said, "uint8": 128 + 120 * said, "float32": 1.9 * said}[dtype]
    assert prepare(scaled.astype(dtype)).changes.clipped == 0


def test_the_account_names_all_that_was_done(said):
    recorded = around(0.03 * said, 2, 1)
    recorded = recorded + 4e-4 * waves(len(recorded), 60)
    stereo = np.repeat(recorded, 3)[:, None] * [1, 0.8] + 0.01  # 48 kHz, roughly
    told = str(prepare((32767 * stereo).round().astype(np.int16), 48000).changes)
    for part in (
        "resampled from 48000 Hz, 2 channels mixed, offset removed, hum of 60.0 Hz removed",
        "s without speech cut (1.",
        "level raised by ",
    ):
        assert part in told


def test_channels_that_cancel_each_other_give_the_loudest(said):
    crossed = prepare(np.stack([0.5 * said, -0.55 * said]))
    assert str(crossed.changes).startswith("the loudest of 2 channels taken")
    alone = prepare(said)
    assert np.allclose(np.abs(crossed.sound) / np.abs(crossed.sound).max(),
                       np.abs(alone.sound) / np.abs(alone.sound).max(), atol=1e-5)  # fmt: skip


def test_noise_alone_is_heard_as_it_is():
    prepared = prepare(RNG.normal(0, 0.1, SAMPLE_RATE))
    assert len(prepared.sound) == SAMPLE_RATE and prepared.changes.cleaning.hum_hz is None
