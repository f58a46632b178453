"""Drawings that are struck: the same sound again, another one for another drawing."""

import numpy as np

from wordbrush.audio.config import FeatureConfig
from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.senses.struck import frames_of, in_room, struck, struck_frames

CUBE = {"shape": "cube", "size": "large", "material": "metal", "color": "red"}
BALL = {"shape": "sphere", "size": "small", "material": "rubber", "color": "blue"}


def test_seed_and_drawing_decide_the_sound():
    sound = struck([CUBE, BALL], 0, 7)
    assert sound.dtype == np.float32 and 0.3 < np.abs(sound).max() <= 1.0
    assert np.array_equal(struck([CUBE, BALL], 0, 7), sound)
    for seed, number in ((1, 7), (0, 8)):
        other = struck([CUBE, BALL], seed, number)
        assert len(other) != len(sound) or not np.array_equal(other, sound)


def test_a_colour_cannot_be_heard():
    green = {**CUBE, "color": "green"}
    assert np.array_equal(struck([CUBE, BALL], 0, 3), struck([green, BALL], 0, 3))
    rubber = {**CUBE, "material": "rubber"}
    assert not np.array_equal(struck([CUBE], 0, 3), struck([rubber], 0, 3))


def test_nothing_is_noise_and_each_object_is_struck():
    nothing = struck([], 0, 0)
    assert 0 < np.abs(nothing).max() < 0.3
    lengths = [len(struck([CUBE] * count, 0, 1)) for count in (1, 3)]
    assert lengths[1] - lengths[0] > 2 * 0.3 * SAMPLE_RATE


def test_a_room_adds_an_echo_that_dies_away():
    click = np.zeros(100, np.float32)
    click[0] = 0.5
    heard = in_room(click, np.random.default_rng(0))
    assert len(heard) > len(click) and np.argmax(np.abs(heard)) == 0
    early, late = np.split(heard[1 : 1 + len(heard) // 2 * 2 - 2], 2)
    assert np.square(early).sum() > 4 * np.square(late).sum() > 0


def test_frames_come_in_the_order_of_the_drawings(tiny):
    config = FeatureConfig.taken_from(tiny.captions)
    drawings = [[CUBE], [], [BALL, CUBE]]
    frames = list(struck_frames(drawings, [4, 5, 6], 0, config))
    assert [one.shape[1] for one in frames] == [config.bands] * 3
    assert np.array_equal(frames[2], frames_of(0, config, (6, drawings[2])))
