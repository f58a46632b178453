"""What listeners are told, message by message, and of whole sounds; no clock is involved."""

import asyncio
import base64
import io
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from tests.explorer.servers import ROOT, VOICE, spoken, words_heard
from tests.speech import spoken_alone
from wordbrush.audio.features import log_mel
from wordbrush.audio.inputs import prepare
from wordbrush.audio.sound import SAMPLE_RATE, encode, read_sound
from wordbrush.captions.voices import Voice, speak
from wordbrush.explorer import sounds
from wordbrush.explorer.gallery import drawn_gallery
from wordbrush.explorer.listening import Listener, Studio
from wordbrush.explorer.server import SEED
from wordbrush.model import load_model
from wordbrush.serving.decoding import Decoder

VIEW = list(range(12))
RED_CUBE = "a big red cube"
BEFORE = 0.5  # seconds of a quiet room before the sentence


@pytest.fixture(scope="module")
def studio() -> Studio:
    model = load_model(ROOT / "models/small")
    return Studio.of(model, drawn_gallery(model, 48, SEED), SEED)


def told_of(studio: Studio, sound: np.ndarray, cuts: Sequence[int]) -> list[dict]:
    """Everything that is said of a sentence which comes in pieces, up to the utterance's end."""
    listener = Listener(studio)
    listener.view, listener.finding = VIEW, True
    return [one for piece in np.split(sound, cuts) for one in listener.push(piece)]


@pytest.fixture(scope="module")
def told(studio) -> list[dict]:
    sound = spoken(RED_CUBE, BEFORE)
    return told_of(studio, sound, range(640, len(sound), 640))


@pytest.mark.parametrize("piece", [333, 4000, 7777, 16000])
def test_the_pieces_in_which_a_sound_comes_change_nothing(studio, told, piece):
    """A slow machine hears more at once, and finds the same pictures with the same light."""
    sound = spoken(RED_CUBE, BEFORE)
    other = told_of(studio, sound, range(piece, len(sound), piece))
    kinds = ("hits", "end")
    (hits, end), (others, other_end) = (
        [[one for one in messages if one["type"] == kind][-1] for kind in kinds]
        for messages in (told, other)
    )
    assert hits == others and end == other_end


def light_of(message: dict) -> np.ndarray:
    """uint8 [pictures, frames, cells]."""
    packed = np.frombuffer(base64.b64decode(message["maps"]), np.uint8)
    return packed.reshape(len(message["pictures"]), message["frames"], -1)


def played(answer: dict) -> np.ndarray:
    """The sound that the page plays, float32 [S]."""
    samples, rate = read_sound(io.BytesIO(base64.b64decode(answer["sound"])), "the answer", 60)
    assert rate == SAMPLE_RATE
    return samples.astype(np.float32) / 32768 if samples.dtype == np.int16 else samples


def test_pictures_light_up_when_their_word_is_spoken_and_not_before(studio, told):
    things = studio.model.read(studio.gallery.pictures[:12])
    red = np.array([any(one["color"] == "red" for one in each) for each in things])
    start = {one["word"]: BEFORE + one["start"] for one in spoken_alone((RED_CUBE, VOICE))[0].words}
    lights = [one for one in told if one["type"] == "light"]
    seen = [(one["samples"] / SAMPLE_RATE, light_of(one).max(2).mean(1)) for one in lights]
    brightest = {time: (lit[red].mean(), lit[~red].mean()) for time, lit in seen}
    before = [reds for time, (reds, _) in brightest.items() if time < start["red"]]
    assert before and max(before) < 16
    most = max(light_of(one)[red].max(2).mean(0).max() for one in lights)
    others = max(light_of(one)[~red].max(2).mean(0).max() for one in lights)
    assert most > 128 and most > 2 * others


def test_concepts_hear_the_words_and_none_in_the_pause(told):
    words = words_heard(told)
    assert [*dict.fromkeys(words[frame] for frame in sorted(words))] == ["red", "cube"]


def heard_file(studio, sound):
    """The answer to a file with this sound."""
    samples = asyncio.run(Decoder().decode(encode(sound), longest=60))
    return sounds.hear_samples(studio, samples, None, VIEW)


@pytest.mark.parametrize(("before", "cut"), [(0.05, "0.0 before"), (2.0, "1.9 before")])
def test_frames_lie_on_the_sound_that_is_played(studio, before, cut):
    """Whatever silence was cut of a file, words are heard where one hears them."""
    answer = heard_file(studio, spoken(RED_CUBE, before))
    assert cut in answer["changes"]
    begin = np.argmax(np.abs(played(answer)) > 0.01) / SAMPLE_RATE
    cube = spoken_alone((RED_CUBE, VOICE))[0].words[-1]
    places = {frame: strength for frame, word, strength in answer["words"] if word == "cube"}
    middle = max(places, key=lambda frame: places[frame]) * studio.frame_seconds
    assert begin < 0.25
    assert cube["start"] - studio.frame_seconds < middle - begin < cube["end"]


def test_what_is_played_is_what_the_model_hears(studio):
    """Typed words are cleaned like every sound, so that is what the page must play."""
    answer = sounds.say(studio, "a small yellow ball", None, VIEW)
    said = speak("a small yellow ball", Voice(sounds.VOICE, sounds.WORDS_A_MINUTE, sounds.PITCH))
    loudest = np.abs(prepare(said.sound).sound).max()
    assert np.abs(said.sound).max() > 1.5 * loudest  # cleaning lowers this voice
    assert np.abs(played(answer)).max() == pytest.approx(loudest, rel=0.2)
    features = studio.model.config.features
    frames = torch.from_numpy(log_mel(played(answer), features)).float()
    with torch.no_grad():
        heard = studio.model.encoders.encode_audio(frames.T[None], torch.tensor([len(frames)]))
    light = studio.lights.of(VIEW, heard.features[0]).astype(int)  # 16 bits of sound round a little
    assert light.shape == light_of(answer).shape and np.abs(light - light_of(answer)).max() < 16


def test_of_a_sound_that_is_too_long_its_beginning_is_played(studio):
    features = studio.model.config.features
    longest = features.max_frames * features.hop_ms / 1000
    times = round(longest / len(spoken(RED_CUBE, 0.1, 0.1)) * SAMPLE_RATE) + 1
    answer = heard_file(studio, np.tile(spoken(RED_CUBE, 0.1, 0.1), times))
    assert answer["cut"] and answer["seconds"] == longest


def test_the_end_of_an_utterance_says_which_concepts_answered(studio, told):
    (answers,) = (one["answers"] for one in told if one["type"] == "end")
    words = [studio.ear.names[number][0] for number, _ in answers["concepts"]]
    assert "cube" in words and words.count("") < len(words)
    for unit, strength, concept in answers["units"]:
        assert studio.model.concepts.members[concept, unit] > 0 and strength > 0
