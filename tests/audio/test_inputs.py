"""Sound in any form becomes the same samples, or is refused in one sentence."""

import io

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.signal import resample_poly

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.features import log_mel, with_silence
from wordbrush.audio.inputs import LOUDEST, SHORTEST, load_sound
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.audio.widening import SOFTER_DB
from wordbrush.errors import WordbrushError

# type, its loudest value and its centre, and how far rounding may move a sample of a peak near 1
FORMS = {
    "float16": (1.0, 0, 1e-3),
    "float32": (1.0, 0, 1e-6),
    "float64": (1.0, 0, 1e-6),
    ">f4": (1.0, 0, 1e-6),
    "int16": (2**15 - 1, 0, 1e-4),
    ">i2": (2**15 - 1, 0, 1e-4),
    "int32": (2**31 - 1, 0, 1e-6),
    "int64": (2**15 - 1, 0, 1e-4),
    "uint8": (127, 128, 1e-2),
}


def melody(seconds: float, rate: int) -> np.ndarray:
    """Three tones that swell and fade, that stay below 0.75: float64 [S]."""
    time = np.arange(round(seconds * rate)) / rate
    tones = sum(np.sin(2 * np.pi * hz * time) / n for n, hz in enumerate((300, 710, 1900), start=1))
    return 0.4 * tones * np.sin(np.pi * time / seconds) ** 2


def in_form(sound: np.ndarray, dtype: str) -> np.ndarray:
    loudest, centre, _ = FORMS[dtype]
    scaled = sound * loudest + centre
    return (scaled if "f" in dtype else scaled.round()).astype(dtype)


def in_channels(sound: np.ndarray, layout: str) -> np.ndarray:
    return {
        "[S]": sound,
        "[S, 1]": sound[:, None],
        "[1, S]": sound[None],
        "[S, 2]": np.stack([sound, sound], 1),
        "[2, S]": np.stack([sound, sound]),
        "[S, 6]": np.stack([sound] * 6, 1),
    }[layout]


def same(sound: np.ndarray, wanted: np.ndarray, tolerance: float) -> bool:
    """Whether two sounds are one, but for the level."""
    sound, wanted = (each / np.abs(each).max() for each in (sound, wanted))
    return len(sound) == len(wanted) and np.abs(sound - wanted).max() <= tolerance


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    dtype=st.sampled_from(sorted(FORMS)),
    layout=st.sampled_from(["[S]", "[S, 1]", "[1, S]", "[S, 2]", "[2, S]", "[S, 6]"]),
    rate=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000, 96000]),
    level=st.floats(0.25, 1.3),
    seconds=st.floats(0.03, 0.5),
    tensor=st.booleans(),
)
def test_the_same_sound_in_any_form_gives_the_same_samples(
    dtype, layout, rate, level, seconds, tensor
):
    given_sound = in_channels(in_form(level * melody(seconds, rate), dtype), layout)
    if tensor and given_sound.dtype.isnative:
        given_sound = torch.from_numpy(given_sound)
    heard, wanted = load_sound(given_sound, rate), load_sound(melody(seconds, rate), rate)
    assert heard.dtype == np.float32
    assert same(heard, wanted, 6 * FORMS[dtype][2])
    assert abs(len(heard) - seconds * SAMPLE_RATE) <= 2


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(
    sound=arrays.arrays(
        dtype=arrays.scalar_dtypes(),
        shape=st.one_of(
            arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=6),
            st.sampled_from([(400,), (400, 2), (2, 400), (400, 400), (1, 1, 400)]),
        ),
    ),
    rate=st.one_of(
        st.none(), st.integers(-10, 10**6), st.floats(), st.sampled_from([16000, 44100, "16000"])
    ),
)
def test_whatever_comes_gives_sound_or_one_sentence(sound, rate):
    try:
        heard = load_sound(sound, rate)
    except WordbrushError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
    else:
        assert heard.dtype == np.float32 and heard.ndim == 1
        assert np.isfinite(heard).all()


@pytest.mark.parametrize("level", [1e-300, 1e-30, 1e-6, 1e-3, 0.1, 3])
def test_the_level_does_not_matter(level):
    assert same(load_sound(level * melody(0.3, 16000)), load_sound(melody(0.3, 16000)), 1e-6)


def test_a_level_of_our_own_range_changes_no_feature(tiny):
    features = FeatureConfig.taken_from(tiny.captions)
    sound = melody(0.3, 16000).astype(np.float32)
    wanted = log_mel(with_silence(sound, features), features)
    assert np.array_equal(log_mel(with_silence(load_sound(sound), features), features), wanted)


@pytest.mark.parametrize("offset", [-0.3, 0.005, 0.1])
def test_a_constant_offset_does_not_matter(offset):
    sound = melody(0.3, 16000)
    assert same(load_sound(sound + offset), load_sound(sound - sound.mean()), 1e-5)


@pytest.mark.parametrize(
    ("format", "subtype"),
    [
        ("WAV", "PCM_U8"),
        ("WAV", "PCM_24"),
        ("WAV", "DOUBLE"),
        ("FLAC", "PCM_16"),
        ("OGG", "VORBIS"),
    ],
)
def test_a_file_knows_its_own_rate(tmp_path, format, subtype):
    sound, path = melody(0.4, 44100), tmp_path / f"a sound.{format.lower()}"
    soundfile.write(path, np.stack([sound, sound], 1), 44100, format=format, subtype=subtype)
    wanted = load_sound(sound, 44100)
    for given_sound in (path, str(path), path.read_bytes()):
        assert same(load_sound(given_sound), wanted, 0.05 if subtype == "VORBIS" else 0.02)
    assert same(load_sound(path, 44100), wanted, 0.05)
    with pytest.raises(WordbrushError, match="has 44100 samples a second, but rate=16000 came"):
        load_sound(path, 16000)


def test_another_rate_is_the_same_sound():
    sound = melody(0.4, 16000)
    again = load_sound(resample_poly(sound, 441, 160), 44100)
    assert same(again, load_sound(sound), 0.01)


def test_a_rate_that_lacks_a_part_of_speech_is_heard_with_a_warning(tmp_path, caplog):
    sound, path = melody(0.4, 8000), tmp_path / "call.wav"
    soundfile.write(path, sound, 8000)
    heard, wanted = (
        np.abs(np.fft.rfft(one / np.abs(one).max()))  # bins of 2.5 Hz
        for one in (load_sound(path), load_sound(melody(0.4, 16000)))
    )
    tones = np.array([300, 710, 1900])
    bins = (tones / 2.5).round().astype(int)
    assert np.allclose(heard[bins] / heard[bins[0]], wanted[bins] / wanted[bins[0]], rtol=0.02)
    images = ((8000 - tones) / 2.5).round().astype(int)  # as far above 4 kHz as the tones are below
    decibels = 20 * np.log10(heard[images] / heard[bins])
    assert np.allclose(decibels, -SOFTER_DB, atol=0.5)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "resampled from 8000 Hz, which lacks all above 4000 Hz" in caplog.text


def broken(value: float) -> np.ndarray:
    return np.where(np.arange(8000) == 7, value, melody(0.5, 16000))


def wav_of(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16000, format="WAV")
    return buffer.getvalue()


SOUND = melody(0.5, 16000).astype(np.float32)


@pytest.mark.parametrize(
    ("came", "rate", "sentence"),
    [
        (np.zeros(8000, np.float32), None, "the sound is silent"),
        (np.full(8000, 0.3), None, "the sound is silent"),
        (np.full(8000, 128, np.uint8), None, "the sound is silent"),
        (np.zeros((2, 8000)), None, "the sound is silent"),
        (np.full((8000, 2), [0.2, -0.2]), None, "the sound is silent"),
        (np.tile(SOUND, 1300), None, "the sound lasts 650 s, and 600 s is the most"),
        (wav_of(np.zeros(16000 * 601)), None, "the sound's file lasts 601 s, and 600 s is the"),
        (SOUND[:0], None, "the sound has 0 samples"),
        (wav_of(np.zeros(0)), None, "the sound has 0 samples"),
        (SOUND[: round(SHORTEST * SAMPLE_RATE) - 1], None, "the sound has 319 samples"),
        (broken(np.nan), None, "1 of 8000 samples are not finite"),
        (broken(np.inf), None, "1 of 8000 samples are not finite"),
        (SOUND * 32767, None, r"floats up to [0-9.]+ came.*-1, 1"),
        (SOUND * 127 + 128, None, r"floats up to [0-9.]+ came.*-1, 1"),
        (broken(LOUDEST * 1.01), None, r"floats up to 2\.02 .*\[-1, 1\]"),
        (SOUND + 0j, None, "samples of type complex64 came"),
        (SOUND > 0, None, "samples of type bool came"),
        (SOUND.astype(object), None, "samples of type object came"),
        ((SOUND * 127).astype(np.int8), None, "samples of type int8 came"),
        ((SOUND * 127).astype(np.uint16), None, "samples of type uint16 came"),
        (np.array(["blue"]), None, "samples of type <U4 came"),
        (SOUND[None, None], None, r"samples of shape \[1, 1, 8000\] came"),
        (SOUND[:16].reshape(4, 4), None, r"samples of shape \[4, 4\] came"),
        (SOUND[:2500].reshape(50, 50), None, r"samples of shape \[50, 50\] came"),
        (np.float32(1), None, "an object of type float32 came"),
        (SOUND.tolist(), None, "an object of type list came"),
        ((SOUND, 16000), None, "an object of type tuple came"),
        (None, None, "an object of type NoneType came"),
        (torch.from_numpy(SOUND).to_sparse(), None, "an object of type Tensor came"),
        ("blue", None, "'blue' is no file of sound that can be read"),
        ("", None, "is no file of sound that can be read"),
        ("a\0b", None, "is no file of sound that can be read"),
        (b"no sound", None, "the sound's file is not readable sound"),
        (SOUND, 0, "rate=0 is no sample rate"),
        (SOUND, -16000, "rate=-16000 is no sample rate"),
        (SOUND, 16000.5, "rate=16000.5 is no sample rate"),
        (SOUND, float("nan"), "rate=nan is no sample rate"),
        (SOUND, float("inf"), "rate=inf is no sample rate"),
        (SOUND, True, "rate=True is no sample rate"),
        (SOUND, "16000", "rate='16000' is no sample rate"),
        (SOUND, 10**9, "rate=1000000000 is no sample rate"),
        (SOUND, 3999, "rate=3999 is no sample rate: give a whole number .* from 4000 to 384000"),
    ],
)
def test_what_is_no_sound_is_named(came, rate, sentence):
    with pytest.raises(WordbrushError, match=sentence):
        load_sound(came, rate)
