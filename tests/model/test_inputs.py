"""A trained model with all that people bring: the same answer in any form, or one sentence."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly

from tests.model.conftest import ROOT
from tests.model.test_released import attributes
from tests.speech import spoken_alone
from wordbrush.captions.voices import Utterance, Voice
from wordbrush.errors import WordbrushError
from wordbrush.model import Model, load_model

BEST = {13, 34}  # of 64 drawings, the two that fit "blue" best, almost as well as each other
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 456\n"


@pytest.fixture(scope="session")
def drawings(small) -> np.ndarray:
    return small.draw(64, seed=1)


@pytest.fixture(scope="session")
def blue() -> Utterance:
    return spoken_alone(("blue", Voice("en-us+m1", 170, 35)))[0]


def best_two(scores: torch.Tensor) -> set[int]:
    return set(scores.topk(2).indices.tolist())


@pytest.fixture(scope="session")
def wanted(small, drawings, blue) -> torch.Tensor:
    """The scores of the drawings with what `speak` returns."""
    scores = small.scores(drawings, blue.sound)
    assert best_two(scores) == BEST
    return scores


# A form, and how far it may move a score; scores spread by 48. What 8 bits round away is audible
# to the model, so there only the best drawings stay.
SOUNDS = {
    "the utterance itself": (lambda u: u, 0),
    "channels last": (lambda u: np.stack([u.sound, u.sound], 1), 0),
    "channels first": (lambda u: np.stack([u.sound, u.sound]), 0),
    "[1, S]": (lambda u: u.sound[None], 0),
    "float64": (lambda u: u.sound.astype(np.float64), 0),
    "a tensor": (lambda u: torch.from_numpy(u.sound), 0),
    "twice as loud": (lambda u: u.sound * 2, 0),
    "barely audible": (lambda u: u.sound * 1e-6, 0.5),
    "with an offset": (lambda u: u.sound + np.float32(0.1), 0.5),
    "float16": (lambda u: u.sound.astype(np.float16), 0.5),
    "16 bits": (lambda u: (u.sound * 32767).astype(np.int16), 1),
    "32 bits": (lambda u: (u.sound.astype(np.float64) * (2**31 - 1)).astype(np.int32), 0.5),
    "8 bits": (lambda u: (u.sound * 127 + 128).astype(np.uint8), 48),
}


@pytest.mark.parametrize("form", SOUNDS)
def test_a_sound_in_any_form_is_heard_alike(small, drawings, blue, wanted, form):
    change, tolerance = SOUNDS[form]
    scores = small.scores(drawings, change(blue))
    assert best_two(scores) == BEST
    assert (scores - wanted).abs().max() <= tolerance + 1e-3
    assert small.hear(change(blue)).shape == small.hear(blue.sound).shape


@pytest.mark.parametrize("rate", [22050, 32000, 44100, 48000])
def test_a_sound_at_another_rate_is_heard_alike(small, drawings, blue, wanted, rate):
    sound = resample_poly(blue.sound, rate, 16000)
    scores = small.scores(drawings, sound, rate)
    assert best_two(scores) == BEST and (scores - wanted).abs().max() < 5
    drawing = drawings[min(BEST)]
    shown = small.matchmap(drawing, sound, rate=rate)
    assert (shown - small.matchmap(drawing, blue.sound)).abs().max() < 20


def test_what_is_no_sound_is_named_by_every_method(small, drawings, blue):
    broken = np.where(np.arange(len(blue.sound)) == 9, np.nan, blue.sound)
    for sound, sentence in ((blue.sound[:0], "0 samples"), (broken, "1 of 5602 samples")):
        for hear in (
            small.hear,
            lambda sound: small.scores(drawings[:2], sound),
            lambda sound: small.matchmap(drawings[0], sound),
        ):
            with pytest.raises(WordbrushError, match=sentence):
                hear(sound)


def test_a_long_sound_is_heard_as_far_as_captions_are(small, blue):
    features = small.config.features
    seconds = features.max_frames * features.hop_ms / 1000
    long = np.tile(blue.sound, round(seconds * 16000) // len(blue.sound) + 5)
    assert small.hear(long).shape == small.hear(long[: round(seconds * 16000)]).shape
    assert torch.allclose(small.hear(np.tile(long, 2)), small.hear(long), atol=0.02)


PICTURES = {
    "floats": lambda p: p / 255.0,
    "bytes as floats": lambda p: p.astype(np.float32),
    "RGBA": lambda p: np.concatenate([p, np.full_like(p[..., :1], 255)], 3),
    "channels first": lambda p: torch.from_numpy(p).permute(0, 3, 1, 2).float() / 255,
    "a list": list,
    "twice the size": lambda p: p.repeat(2, 1).repeat(2, 2),
}


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(form=st.sampled_from(sorted(PICTURES)), first=st.integers(0, 60), count=st.integers(0, 4))
def test_pictures_in_any_form_are_seen_alike(small, drawings, blue, wanted, form, first, count):
    rows = slice(first, first + count)
    plain, pictures = drawings[rows], PICTURES[form](drawings[rows])
    assert torch.allclose(small.scores(pictures, blue), wanted[rows], atol=1e-2)
    assert torch.allclose(small.see(pictures), small.see(plain), atol=1e-4)
    assert attributes(small.read(pictures)) == attributes(small.read(plain))
    if count == 1:
        shown = small.matchmap(pictures, blue)
        assert torch.allclose(shown, small.matchmap(plain[0], blue), atol=1e-2)


def test_objects_lie_where_they_are_in_the_picture_that_came(small, drawings):
    twice = drawings[:8].repeat(2, 1).repeat(2, 2)
    for found, known in zip(small.read(twice), small.read(drawings[:8]), strict=True):
        for one, other in zip(found, known, strict=True):
            assert one["area"] == 4 * other["area"]
            assert (one["x"], one["y"]) == (2 * other["x"] + 0.5, 2 * other["y"] + 0.5)


@pytest.mark.parametrize("size", [7, (64, 48), (128, 64)])
def test_every_method_refuses_the_same_sizes(small, blue, size):
    height, width = (size, size) if isinstance(size, int) else size
    pictures = np.zeros((1, height, width, 3), np.uint8)
    for look in (
        small.see,
        small.read,
        lambda pictures: small.scores(pictures, blue),
        lambda pictures: small.matchmap(pictures, blue),
    ):
        with pytest.raises(WordbrushError, match=f"pictures of {width}×{height} pixels came"):
            look(pictures)


def test_no_pictures_give_no_answers(small, drawings, blue):
    assert small.draw(0, seed=1).shape == (0, 64, 64, 3)
    for none in (drawings[:0], []):
        assert small.read(none) == [] and small.scores(none, blue).shape == (0,)
        assert small.see(none).shape == (0, *small.see(drawings[:1]).shape[1:])
        with pytest.raises(WordbrushError, match="0 pictures came, and a matchmap is of one"):
            small.matchmap(none, blue)
    with pytest.raises(WordbrushError, match="2 pictures came, and a matchmap is of one"):
        small.matchmap(drawings[:2], blue)


@pytest.mark.parametrize("count", [1, 2, 15, 17, 63, 70])
def test_a_drawing_depends_on_the_seed_and_its_number_alone(small, drawings, count):
    drawn = small.draw(count, seed=np.int64(1))
    assert np.array_equal(drawn[:64], drawings[:count])


@pytest.mark.parametrize(
    ("count", "seed", "sentence"),
    [
        (-1, 1, "count is 0 or more"),
        (1, 2**64, "seed from"),
        (1.5, 1, "count=1.5 is no whole number"),
        (1, None, "seed=None is no whole number"),
        (10**12, 1, "more than is free"),
    ],
)
def test_what_cannot_be_drawn_is_named(small, count, seed, sentence):
    with pytest.raises(WordbrushError, match=sentence):
        small.draw(count, seed)


def test_a_folder_may_be_named_by_a_string():
    assert isinstance(load_model(str(ROOT / "models/small")), Model)


def damaged(folder: Path, part: str, content: str | None) -> Path:
    shutil.copytree(ROOT / "models/small", folder)
    if content is None:
        (folder / part).unlink()
    else:
        (folder / part).write_text(content)
    return folder


@pytest.mark.parametrize(
    ("part", "content", "advice"),
    [
        ("model.json", None, "name the folder of a model, as wordbrush export writes it"),
        ("model.json", "{", "Fetch this model again"),
        ("model.json", POINTER, "git lfs pull"),
        ("encoders/encoders.json", None, "Fetch this model again"),
        ("encoders/encoders.json", '{"format": 0}', "Fetch this model again"),
        ("encoders/encoders.safetensors", POINTER, "git lfs pull"),
        ("generator/generator.safetensors", "cut", "Fetch this model again"),
        ("segmenter/segmenter.safetensors", None, "Fetch this model again"),
        ("clusters/clusters.json", "{}", "Fetch this model again"),
    ],
)
def test_advice_is_of_models_and_not_of_runs(tmp_path, part, content, advice):
    folder = damaged(tmp_path / "model", part, content)
    with pytest.raises(WordbrushError, match=advice) as found:
        load_model(folder)
    assert str(tmp_path) in str(found.value) and "dvc" not in str(found.value)


@pytest.mark.parametrize("folder", ["no model", "", "x" * 5000, "a\0b", None, 3])
def test_what_is_no_folder_is_named(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WordbrushError, match="name the folder of a model"):
        load_model(folder)
