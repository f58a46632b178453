"""Galleries of one's own: a folder of pictures, or a collection that `wordbrush data` imported."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from wordbrush.corpora import shards
from wordbrush.corpora.collection import see, square
from wordbrush.corpora.pictures import TYPES, Look, load
from wordbrush.corpora.records import Unusable
from wordbrush.errors import WordbrushError
from wordbrush.explorer.gallery import Gallery
from wordbrush.model import Model

LEAST = 12  # pictures, which the page shows at once
LARGEST_BYTES = 64 << 20  # of a file
BACKGROUND = "white"  # behind what is transparent


def own_gallery(model: Model, folder: Path, most: int) -> Gallery:
    """The first pictures of a folder, in the order of their names, or of a collection: `most` of
    them, the centre square of each.

    Raises WordbrushError where the folder is missing, where a file is no picture, or where there
    are too few.
    """
    if not folder.is_dir():
        raise WordbrushError(f"--gallery {folder} is no folder: name one with pictures.")
    found = list(islice(_pictures(folder, model.side), most))
    if len(found) < LEAST:
        raise WordbrushError(
            f"--gallery {folder} holds {len(found)} pictures ({', '.join(TYPES)}), and {LEAST} or "
            "more are needed: add some, or name another folder."
        )
    pictures = np.stack(found)
    return Gallery(pictures, model.see(pictures).cpu())


def _pictures(folder: Path, side: int) -> Iterator[np.ndarray]:
    if (folder / shards.ABOUT).is_file():
        for part in see(folder, side):
            yield from part.squares
        return
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in TYPES and path.is_file():
            yield _picture(path, side)


def _picture(path: Path, side: int) -> np.ndarray:
    """uint8 [side, side, 3], as an import and the training after it would have it."""
    if path.stat().st_size > LARGEST_BYTES:
        raise WordbrushError(
            f"{path} has more than {LARGEST_BYTES >> 20} MB: scale it down, or take it away."
        )
    try:
        content, _ = load(path.read_bytes(), path.name, Look(side, BACKGROUND)).encoded()
    except OSError as error:
        raise WordbrushError(f"{path} cannot be read ({error.strerror}).") from None
    except Unusable as error:
        raise WordbrushError(
            f"{path} cannot be shown: {error}. Mend it, or take it away."
        ) from None
    return square(content, side)
