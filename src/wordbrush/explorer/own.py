"""Galleries of one's own: a folder of pictures, or a collection that `wordbrush data` imported, or
what `wordbrush index` made of either."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wordbrush.corpora import shards
from wordbrush.corpora.collection import see, square
from wordbrush.corpora.pictures import BACKGROUND, TYPES, Look, pictures_in
from wordbrush.davenet.encoded import Encoded
from wordbrush.errors import WordbrushError
from wordbrush.explorer.gallery import Gallery
from wordbrush.model import Model

if TYPE_CHECKING:
    from wordbrush.search.index import Index

LEAST = 12  # pictures, which the page shows at once


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
    return Gallery(pictures, model.encode(pictures).to("cpu"))


def indexed_gallery(model: Model, index: "Index", most: int) -> Gallery:
    """The first pictures of an index, `most` of them. Raises WordbrushError: there are too few."""
    if len(index) < LEAST:
        raise WordbrushError(
            f"the index holds {len(index)} pictures, and {LEAST} or more are needed: index more."
        )
    numbers = range(min(most, len(index)))
    return Gallery(index.pictures(model, numbers), Encoded(index.features(numbers)))


def _pictures(folder: Path, side: int) -> Iterator[np.ndarray]:
    if (folder / shards.ABOUT).is_file():
        for part in see(folder, side):
            yield from part.squares
        return
    for content, _ in pictures_in(folder, Look(side, BACKGROUND)):
        yield square(content, side)
