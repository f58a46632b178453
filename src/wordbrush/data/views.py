"""How training sees pictures: random crops of what is kept around them, and half of them mirrored.

Tests see the middle of every picture, always.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wordbrush.errors import WordbrushError
from wordbrush.storage.files import open_array
from wordbrush.storage.growing import GrowingArray
from wordbrush.storage.wanted import want

PIXELS, SIZES = "wide.npy", "wide_sizes.npy"
MIDDLE = 0.5  # of what is possible along each side: what tests see


@dataclass(frozen=True)
class Seen:
    """Pictures of a collection as they are kept.

    squares: their middles, uint8 [N, S, S, 3]. wide: all of each, uint8 [H, W, 3], where more than
    the middle is wanted.
    """

    squares: np.ndarray
    wide: list[np.ndarray]


class WidePictures:
    """Pictures uint8 [H, W, 3] of any sizes, one behind the other in one array on disk."""

    def __init__(self, folder: Path):
        """Raises WordbrushError where a file is missing or damaged."""
        self.sizes = np.array(open_array(folder / SIZES, "int64", (None, 2)))
        self.pixels = open_array(folder / PIXELS, "uint8", (None, 3))
        self.offsets = np.cumsum([0, *self.sizes.prod(1)])
        if (self.sizes <= 0).any() or self.offsets[-1] != len(self.pixels):
            raise WordbrushError(
                f"{folder}: {SIZES} does not fit {PIXELS}; make them again: dvc repro."
            )

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, number: int) -> np.ndarray:
        """uint8 [H, W, 3], read when it is used."""
        return self.pixels[self.offsets[number] : self.offsets[number + 1]].reshape(
            *self.sizes[number], 3
        )

    def crops(self, numbers: np.ndarray, size: int, places: np.ndarray) -> np.ndarray:
        """Squares of these pictures [B]: uint8 [B, size, size, 3].

        places: float [B, 2] in [0, 1), how far down and right of all that is possible.
        """
        want(self.pixels, self.offsets[numbers], self.offsets[numbers + 1])
        tops = ((self.sizes[numbers] - size + 1) * places).astype(int)
        squares = np.empty((len(numbers), size, size, 3), np.uint8)
        for row, (number, (top, left)) in enumerate(zip(numbers, tops, strict=True)):
            squares[row] = self[number][top : top + size, left : left + size]
        return squares


def read_wide(folder: Path, squares: np.ndarray) -> WidePictures | None:
    """What is kept around the middle squares [N, S, S, 3]; None where nothing is.

    Raises WordbrushError where it is damaged or does not fit them.
    """
    if not (folder / PIXELS).is_file():
        return None
    wide = WidePictures(folder)
    if len(wide) != len(squares) or (wide.sizes < squares.shape[1]).any():
        raise WordbrushError(
            f"{folder}: {PIXELS} does not fit images.npy; make them again: dvc repro."
        )
    return wide


def write_seen(folder: Path, parts: Iterator[Seen]) -> None:
    """Write images.npy, and what is kept around its squares, part by part."""
    sizes: list[tuple[int, ...]] = []
    with ExitStack() as files:
        images = files.enter_context(GrowingArray(folder / "images.npy"))
        pixels: GrowingArray | None = None
        for part in parts:
            images.add(part.squares)
            for picture in part.wide:
                if pixels is None:
                    pixels = files.enter_context(GrowingArray(folder / PIXELS))
                pixels.add(picture.reshape(-1, 3))
                sizes.append(picture.shape[:2])
    if sizes:
        np.save(folder / SIZES, np.array(sizes, np.int64))


@dataclass(frozen=True)
class Views:
    """Random views of pictures. squares: the middles, uint8 [N, S, S, 3]. wide: what is around
    them; None: they are not cropped. flip: whether half of them are mirrored."""

    squares: np.ndarray
    wide: WidePictures | None
    flip: bool

    def draw(self, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Where so many pictures are cropped [count, 2] and which are mirrored, bool [count].

        Nothing is drawn of what is off.
        """
        places = np.full((count, 2), MIDDLE) if self.wide is None else rng.random((count, 2))
        mirrored = rng.random(count) < 0.5 if self.flip else np.zeros(count, bool)
        return places, mirrored

    def take(self, numbers: np.ndarray, places: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """The pictures with these numbers [B], seen so: uint8 [B, S, S, 3]."""
        if self.wide is None:
            want(self.squares, numbers, numbers + 1)
            squares = self.squares[numbers]
        else:
            squares = self.wide.crops(numbers, self.squares.shape[1], places)
        squares[mirrored] = squares[mirrored, :, ::-1]
        return squares
