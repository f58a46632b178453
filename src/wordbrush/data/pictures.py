"""Pictures as people bring them: files, arrays, tensors and Pillow's become uint8 [N, H, W, 3].

The same pictures give the same bytes to rounding, whatever their form; what cannot be told apart
is refused in one sentence that says what came. Only the order of the channels cannot be checked:
red, green, blue is meant.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional as F

from wordbrush.errors import WordbrushError, optional_packages
from wordbrush.storage.arrays import as_array

if TYPE_CHECKING:
    from PIL.Image import Image

Pictures = str | os.PathLike | np.ndarray | torch.Tensor | Sequence
"""One picture or several: a file, an array, a tensor, Pillow's picture, or a list of such."""

CHANNELS = (1, 3, 4)  # grey, RGB, RGBA
SMALLEST = 8  # pixels a side, of pictures that are scaled up
ROUNDING = 1e-3  # how far floats may leave [0, 1], by float16 or resizing
FORMS = (
    "files, Pillow's pictures, or arrays [N, H, W, 3] or [H, W, 3] of uint8, or of floats in [0, 1]"
)


def load_pictures(given: Pictures) -> np.ndarray:
    """One picture or several of one size as uint8 [N, H, W, 3].

    Of arrays, the last axis (of four, else the second) holds the channels: RGB, grey, or RGBA that
    is opaque; [H, W] is one grey picture. Values: integers in 0..255, or floats in 0..1 or 0..255,
    whichever all of the array fits. A list holds single pictures.

    Raises WordbrushError for other types, axes and values, transparency, files that cannot be read,
    and lists of pictures of several sizes.
    """
    if isinstance(given, list | tuple):
        return _stacked([_one(each) for each in given])
    pictures = _array(given)
    if pictures.ndim == 3 and pictures.shape[0] in CHANNELS and pictures.shape[2] not in CHANNELS:
        raise WordbrushError(
            f"an array of shape {list(pictures.shape)} came: if it is one picture with its "
            "channels first, bring picture[None]; if it is grey pictures, pictures[..., None]."
        )
    return _in_rgb(_in_bytes(_with_axes(pictures)))


def resized(pictures: np.ndarray, side: int) -> np.ndarray:
    """Square pictures uint8 [N, H, H, 3], scaled to [N, side, side, 3]: means of pixels where they
    shrink, bilinear where they grow.

    Raises WordbrushError for pictures that are not square, or of fewer than 8 pixels a side.
    """
    _, height, width, _ = pictures.shape
    if height == width == side:
        return pictures
    if height != width or height < SMALLEST:
        raise WordbrushError(
            f"pictures of {width}×{height} pixels came: bring square ones (cut them first), of "
            f"{SMALLEST}×{SMALLEST} or more, best of {side}×{side}."
        )
    if not len(pictures):
        return np.empty((0, side, side, 3), np.uint8)
    x = torch.from_numpy(np.require(pictures, requirements="W")).permute(0, 3, 1, 2).float()
    x = F.interpolate(x, (side, side), mode="area" if height > side else "bilinear")
    return x.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def _stacked(pictures: list[np.ndarray]) -> np.ndarray:
    sizes = sorted({picture.shape for picture in pictures})
    if len(sizes) > 1:
        named = ", ".join(f"{width}×{height}" for _, height, width, _ in sizes[:3])
        raise WordbrushError(
            f"a list of pictures of several sizes came ({named}): bring those of one size together."
        )
    return np.concatenate(pictures) if pictures else np.empty((0, SMALLEST, SMALLEST, 3), np.uint8)


def _one(given: Any) -> np.ndarray:
    """uint8 [1, H, W, 3]. Raises WordbrushError where an entry of a list is no single picture."""
    array = None if isinstance(given, list | tuple) else _array(given)
    if array is None or array.ndim > 3:
        came = f"a {type(given).__name__}" if array is None else f"an array {list(array.shape)}"
        raise WordbrushError(f"{came} came in a list of pictures: each must be a single picture.")
    return load_pictures(array)


def _array(given: Any) -> np.ndarray:
    """What came, as an array of numbers. Raises WordbrushError where it is none."""
    if isinstance(given, str | os.PathLike):
        return _file(Path(given))
    pillow = sys.modules.get("PIL.Image")  # whoever brings Pillow's pictures has imported it
    if pillow is not None and isinstance(given, pillow.Image):
        return _from_pillow(given)
    array = as_array(given)
    if array is None:
        tensor = isinstance(given, torch.Tensor)
        came = (
            f"a tensor of {given.dtype}" if tensor else f"an object of type {type(given).__name__}"
        )
        raise WordbrushError(f"{came} came: bring {FORMS}.")
    if array.dtype.kind not in "uif":
        raise WordbrushError(f"pictures of type {array.dtype} came: bring {FORMS}.")
    return array


def _file(path: Path) -> np.ndarray:
    with optional_packages():
        from PIL import Image
    unreadable = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)
    try:
        with Image.open(path) as picture:
            return _from_pillow(picture)
    except unreadable as error:
        raise WordbrushError(
            f"{str(path)!r} is no picture that can be read ({error}): correct its name, or bring "
            "another file."
        ) from None


def _from_pillow(picture: "Image") -> np.ndarray:
    """[H, W, 3], with transparency [H, W, 4], upright; pixels of more than 8 bits [H, W]."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(picture)  # photographs may lie on their side
    if picture.mode.startswith(("I", "F")):
        return np.asarray(picture)
    return np.asarray(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))


def _with_axes(pictures: np.ndarray) -> np.ndarray:
    """[N, H, W, C] of what has its channels last, or first where that is certain."""
    shape = pictures.shape
    if pictures.ndim == 2:
        return pictures[None, ..., None]
    if pictures.ndim == 3 and shape[2] in CHANNELS:
        return pictures[None]
    if pictures.ndim == 4 and shape[3] in CHANNELS:
        return pictures
    if pictures.ndim == 4 and shape[1] in CHANNELS:
        return pictures.transpose(0, 2, 3, 1)
    raise WordbrushError(
        f"an array of shape {list(shape)} came as pictures: bring [N, H, W, 3] or one [H, W, 3]; "
        "grey pictures as [N, H, W, 1]."
    )


def _in_bytes(pictures: np.ndarray) -> np.ndarray:
    """Values 0..255, uint8. Raises WordbrushError for values that fit no range, or several."""
    if pictures.dtype == np.uint8 or not pictures.size:
        return pictures.astype(np.uint8)
    if not np.isfinite(pictures).all():
        raise WordbrushError("pictures have values that are not finite (NaN or infinite).")
    low, high = float(pictures.min()), float(pictures.max())
    floats = pictures.dtype.kind == "f"
    if floats and low >= -ROUNDING and high <= 1 + ROUNDING:
        return (pictures.astype(np.float64) * 255).round().clip(0, 255).astype(np.uint8)
    if low >= 0 and high <= 255 and (not floats or high >= 2):
        return pictures.round().astype(np.uint8)
    raise WordbrushError(
        f"pictures of type {pictures.dtype} with values from {low:g} to {high:g} came: bring "
        "uint8, or floats in [0, 1]."
    )


def _in_rgb(pictures: np.ndarray) -> np.ndarray:
    """[N, H, W, C] -> [N, H, W, 3]. Raises WordbrushError for no pixels, and transparent ones."""
    _, height, width, channels = pictures.shape
    if not height or not width:
        raise WordbrushError(f"pictures of {width}×{height} pixels came: there is nothing to see.")
    if channels == 1:
        pictures = pictures.repeat(3, axis=3)
    if channels == 4 and (pictures[..., 3] != 255).any():
        raise WordbrushError(
            "pictures with transparent pixels came: put them on a background, and bring RGB."
        )
    return np.ascontiguousarray(pictures[..., :3])
