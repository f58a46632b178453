"""How an object of the CLEVR world sounds when it is struck: modal synthesis.

A solid vibrates in modes, each a sine that decays. Their frequencies and shapes come from the
Rayleigh–Ritz method with powers of x, y and z as basis (W. M. Visscher et al., "On the normal modes
of free vibration of inhomogeneous and anisotropic elastic objects", JASA 1991). How strongly each
sounds depends on where and how hard the object is struck. Shape, size and material can be heard;
a colour cannot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log, prod

import numpy as np

from wordbrush.audio.sound import SAMPLE_RATE
from wordbrush.errors import optional_packages
from wordbrush.scenes.world import half_width

with optional_packages():
    import scipy.linalg
    from scipy.special import factorial2

DEGREE = 8  # of the polynomials: the ten lowest modes of a sphere are exact to 0.1 %
RIGID = 6  # modes that only move and turn the object
HIGHEST = 7600.0  # Hz
LENGTH = 0.6  # seconds of one strike
AUDIBLE = log(1000.0)  # a strike is over when its modes have fallen by 60 dB


@dataclass(frozen=True)
class Material:
    """shear_speed: of shear waves, in m/s, where a unit of the CLEVR world is a metre. poisson: its
    ratio. loss: the share of a mode's energy that is lost in a radian of its vibration.
    contact: seconds that a strike of medium force lasts."""

    shear_speed: float
    poisson: float
    loss: float
    contact: float


MATERIALS = {
    "metal": Material(3160.0, 0.29, 0.006, 0.0003),  # steel; its strike is ours
    "rubber": Material(123.0, 0.45, 0.6, 0.003),  # vulcanised; loss and strike are ours
}


@dataclass(frozen=True)
class Modes:
    """Of a solid of half width 1 whose shear waves have speed 1.

    angular: float64 [K], frequencies in radians. parts: float64 [K, 3, P], the displacement along
    x, y and z as polynomials. powers: int [P, 3], of x, y and z in each term.
    """

    angular: np.ndarray
    parts: np.ndarray
    powers: np.ndarray

    def along(self, point: np.ndarray, way: np.ndarray) -> np.ndarray:
        """How far each mode moves a point [3] along a unit vector [3]: float64 [K]."""
        terms = np.prod(point**self.powers, axis=1)
        return np.einsum("kip,i,p->k", self.parts, way, terms)


@lru_cache(maxsize=8)
def modes(shape: str, poisson: float) -> Modes:
    """The modes of a solid sphere, cube or cylinder, the lowest first."""
    powers = np.array(
        [
            (x, y, z)
            for x in range(DEGREE + 1)
            for y in range(DEGREE + 1 - x)
            for z in range(DEGREE + 1 - x - y)
        ]
    )
    mass = _integrals(shape, powers[:, None] + powers[None])
    units = np.eye(3, dtype=int)
    slopes = np.array(
        [
            [
                powers[:, None, i]
                * powers[None, :, j]
                * _integrals(shape, powers[:, None] - units[i] + powers[None] - units[j])
                for j in range(3)
            ]
            for i in range(3)
        ]
    )  # of term p along i times that of term q along j, [3, 3, P, P]
    squeeze = 2 * poisson / (1 - 2 * poisson)  # Lamé's first constant by the shear modulus
    trace = slopes[0, 0] + slopes[1, 1] + slopes[2, 2]
    stiffness = np.array(
        [
            [squeeze * slopes[i, j] + slopes[j, i] + (i == j) * trace for j in range(3)]
            for i in range(3)
        ]
    )
    size = 3 * len(powers)
    squares, vectors = scipy.linalg.eigh(
        stiffness.transpose(0, 2, 1, 3).reshape(size, size), np.kron(np.eye(3), mass)
    )
    parts = vectors.T.reshape(-1, 3, len(powers))[RIGID:]
    return Modes(np.sqrt(squares[RIGID:]), parts, powers)


def _integrals(shape: str, powers: np.ndarray) -> np.ndarray:
    """The integrals of x^a y^b z^c over a solid of half width 1: float64 [...] of int [..., 3]."""
    even = (powers % 2 == 0).all(-1) & (powers >= 0).all(-1)
    a, b, c = np.moveaxis(np.where(powers < 0, 0, powers), -1, 0)
    if shape == "cube":
        value = 8 / ((a + 1) * (b + 1) * (c + 1))
    elif shape == "sphere":
        value = 4 * np.pi * prod(map(_odd, (a, b, c))) / factorial2(a + b + c + 3)
    else:  # a cylinder, whose axis is z
        value = 4 * np.pi * _odd(a) * _odd(b) / factorial2(a + b + 2) / (c + 1)
    return np.where(even, value, 0.0)


def _odd(power: np.ndarray) -> np.ndarray:
    """(n - 1)!! of even numbers n."""
    return np.where(power > 0, factorial2(np.maximum(power - 1, 0)), 1.0)


def strike(thing: Mapping[str, str], rng: np.random.Generator) -> np.ndarray:
    """The sound of one strike, float32 [S] at 16 kHz, at a place and with a force that are drawn.

    thing: shape, size and material. Louder strikes are shorter, and so brighter.
    """
    material = MATERIALS[thing["material"]]
    found = modes(thing["shape"], material.poisson)
    scale = material.shear_speed / half_width(dict(thing))
    angular = found.angular * scale
    heard = angular < 2 * np.pi * HIGHEST
    force = rng.uniform(0.5, 2.0)
    struck, ear = (found.along(*_surface(thing["shape"], rng)) for _ in range(2))
    weights = (force * struck * ear * _pulse(angular, material.contact * force**-0.2))[heard]
    angular = angular[heard]
    decay = material.loss * angular / 2
    length = min(LENGTH, AUDIBLE / decay.min())
    times = np.arange(1, round(length * SAMPLE_RATE) + 1) / SAMPLE_RATE
    waves = np.exp(-decay[:, None] * times) * np.sin(angular[:, None] * times)
    return (weights @ waves).astype(np.float32)


def _surface(shape: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A point on a solid of half width 1, not below it, and the direction into the solid."""
    way = rng.normal(size=3)
    way[2] = abs(way[2])
    if shape == "sphere":
        point = way / np.linalg.norm(way)
        return point, -point
    point = rng.uniform(-1, 1, 3)
    if shape == "cylinder" and rng.random() < 2 / 3:  # its side is twice as large as its top
        point[:2] = way[:2] / np.linalg.norm(way[:2])
        return point, -np.array([*point[:2], 0.0])
    if shape == "cylinder":
        point[:2] = way[:2] / np.linalg.norm(way[:2]) * rng.uniform() ** 0.5
        point[2] = 1.0
        return point, np.array([0.0, 0.0, -1.0])
    axis = rng.integers(3)
    point[axis] = 1.0 if axis == 2 else rng.choice([-1.0, 1.0])
    return point, -np.eye(3)[axis] * point[axis]


def _pulse(angular: np.ndarray, seconds: float) -> np.ndarray:
    """How much of each frequency a push has that rises and falls as half a sine does."""
    turns = angular * seconds / np.pi
    near = np.abs(turns - 1) < 1e-6
    turns = np.where(near, 1 + 1e-6, turns)
    return np.abs(np.cos(np.pi * turns / 2) / (1 - turns**2))


def struck_in_turn(
    things: Sequence[Mapping[str, str]], rng: np.random.Generator
) -> tuple[np.ndarray, list[float]]:
    """One strike for each thing, in this order: the sound float32 [S], its peak 0.5, and the
    moment of each strike in seconds. The pauses between them are drawn."""
    moments = [0.0]
    for _ in things[1:]:
        moments.append(moments[-1] + rng.uniform(0.35, 0.7))
    strikes = [strike(thing, rng) for thing in things]
    starts = [round(moment * SAMPLE_RATE) for moment in moments]
    whole = np.zeros(max(start + len(one) for start, one in zip(starts, strikes, strict=True)))
    for start, one in zip(starts, strikes, strict=True):
        whole[start : start + len(one)] += one / max(np.abs(one).max(), 1e-9) * rng.uniform(0.4, 1)
    return (whole / np.abs(whole).max() / 2).astype(np.float32), moments
