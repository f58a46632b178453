"""Struck objects: the modes against what is known of them, and what can be heard of a strike."""

import itertools

import numpy as np
import pytest

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.scenes.impacts import modes, strike, struck_in_turn

THINGS = [
    {"shape": shape, "size": size, "material": material}
    for shape, size, material in itertools.product(
        ("cube", "sphere", "cylinder"), ("small", "large"), ("metal", "rubber")
    )
]


@pytest.mark.parametrize("poisson", [0.29, 0.45])
def test_a_sphere_turns_in_itself_as_lamb_found(poisson):
    """Roots of the equation of H. Lamb (1881), which do not depend on Poisson's ratio."""
    angular = modes("sphere", poisson).angular
    for root, times in ((2.5011, 5), (3.8647, 7), (5.0946, 9)):
        assert np.sum(np.abs(angular - root) < 0.002) == times


def test_a_cylinder_turns_in_itself_as_a_rod_does():
    """Its lowest mode of torsion: half a wave from end to end, whatever the material."""
    assert np.abs(modes("cylinder", 0.29).angular - np.pi / 2).min() < 1e-6


def test_modes_are_the_same_along_all_axes_of_a_cube():
    angular = modes("cube", 0.29).angular
    assert angular[:2] == pytest.approx(angular[0]) and angular[2] > angular[0] * 1.1
    assert angular[2:5] == pytest.approx(angular[2])


def loudest(sound: np.ndarray) -> float:
    """Hz."""
    return float(np.abs(np.fft.rfft(sound, SAMPLE_RATE)).argmax())


def strikes(size: str, material: str) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    chosen = [one for one in THINGS if one["size"] == size and one["material"] == material]
    return [strike(one, rng) for one in chosen for _ in range(8)]


def test_what_is_larger_sounds_lower_and_rubber_is_dull():
    small, large, rubber = (
        strikes(*kind) for kind in (("small", "metal"), ("large", "metal"), ("small", "rubber"))
    )
    assert np.median([*map(loudest, small)]) > 1.7 * np.median([*map(loudest, large)])
    assert max(map(len, rubber)) < min(map(len, small))
    assert max(map(loudest, rubber)) < 500 < min(map(loudest, large))


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: "-".join(thing.values()))
def test_every_strike_is_heard_and_ends(thing):
    rng = np.random.default_rng(1)
    for _ in range(8):
        sound = strike(thing, rng)
        assert sound.dtype == np.float32 and np.isfinite(sound).all()
        peak = np.abs(sound).max()
        assert peak > 0 and np.abs(sound[-8:]).max() < 0.02 * peak


def test_one_strike_for_each_thing_in_its_turn():
    sound, moments = struck_in_turn(THINGS[:3], np.random.default_rng(2))
    assert len(moments) == 3 and np.diff(moments).min() > 0.3 and moments[0] == 0
    assert np.abs(sound).max() == pytest.approx(0.5, rel=1e-6)
    again, _ = struck_in_turn(THINGS[:3], np.random.default_rng(2))
    assert (sound == again).all()
    for moment in moments:
        start = round(moment * SAMPLE_RATE)
        assert np.abs(sound[start : start + 800]).max() > 0.05
