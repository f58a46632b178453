"""Crops and mirrors of pictures of any size."""

import tracemalloc

import numpy as np
import pytest

from wordbrush.data.views import MIDDLE, Seen, Views, WidePictures, read_wide, write_seen
from wordbrush.errors import WordbrushError

SIDE = 8


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """Of many sizes, the shorter side 10."""
    rng = np.random.default_rng(seed)
    shapes = [(10, int(rng.integers(10, 30))) for _ in range(count)]
    return [
        rng.integers(0, 256, (*(shape if row % 2 else shape[::-1]), 3)).astype(np.uint8)
        for row, shape in enumerate(shapes)
    ]


def squares(wide: list[np.ndarray]) -> np.ndarray:
    return np.stack([one[:SIDE, :SIDE] for one in wide])


@pytest.fixture
def folder(tmp_path):
    parts = [pictures(3), pictures(2, seed=1)]
    write_seen(tmp_path, (Seen(squares(part), part) for part in parts))
    return tmp_path


def test_pictures_of_any_size_come_back(folder):
    wanted = [*pictures(3), *pictures(2, seed=1)]
    found = read_wide(folder, np.load(folder / "images.npy"))
    assert found is not None and len(found) == 5
    assert all(np.array_equal(found[n], one) for n, one in enumerate(wanted))


def test_crops_reach_every_corner_and_nothing_beyond(folder):
    wide, rng = WidePictures(folder), np.random.default_rng(0)
    number, picture = 1, pictures(3)[1]
    found = {wide.crops(np.array([number]), SIDE, rng.random((1, 2))).tobytes() for _ in range(900)}
    height, width = picture.shape[:2]
    possible = {
        picture[top : top + SIDE, left : left + SIDE].tobytes()
        for top in range(height - SIDE + 1)
        for left in range(width - SIDE + 1)
    }
    assert found == possible


def test_what_is_off_draws_nothing_and_changes_nothing(folder):
    images, rng = np.load(folder / "images.npy"), np.random.default_rng(0)
    views, before = Views(images, None, flip=False), rng.bit_generator.state
    places, mirrored = views.draw(4, rng)
    assert rng.bit_generator.state == before and (places == MIDDLE).all() and not mirrored.any()
    assert np.array_equal(views.take(np.arange(4), places, mirrored), images[:4])


def test_mirrored_pictures_are_those_chosen(folder):
    images = np.load(folder / "images.npy")
    chosen = np.array([True, False, True])
    seen = Views(images, None, flip=True).take(np.arange(3), np.zeros((3, 2)), chosen)
    assert np.array_equal(seen[~chosen], images[:3][~chosen])
    assert np.array_equal(seen[chosen], images[:3][chosen][:, :, ::-1])


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    def most(name: str, shards: int) -> int:
        (tmp_path / name).mkdir()
        parts = (Seen(squares(some), some) for some in map(pictures, [400] * shards))
        tracemalloc.start()
        write_seen(tmp_path / name, parts)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    few, many = most("few", 2), most("many", 8)
    written = (tmp_path / "many/wide.npy").stat().st_size
    assert many - few < 0.2 * written  # but the sizes, which are kept


def test_damage_is_said(folder):
    images = np.load(folder / "images.npy")
    np.save(folder / "wide_sizes.npy", np.full((5, 2), 3))
    with pytest.raises(WordbrushError, match=r"wide_sizes.npy does not fit wide.npy"):
        read_wide(folder, images)
    write_seen(folder, iter([Seen(squares(pictures(4)), pictures(4))]))
    with pytest.raises(WordbrushError, match=r"wide.npy does not fit images.npy"):
        read_wide(folder, images)
