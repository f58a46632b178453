"""An existing CLEVR v1.0 folder as the GAN's pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from wordbrush.errors import WordbrushError, advising, optional_packages
from wordbrush.scenes.records import ClevrScene, ClevrSceneFile
from wordbrush.storage.files import read_json

with optional_packages():
    from PIL import Image, UnidentifiedImageError


def check(folder: Path) -> list[ClevrScene]:
    """The training scenes of a CLEVR folder.

    Raises WordbrushError that names the first part that is missing or damaged.
    """
    scenes_file = folder / "scenes/CLEVR_train_scenes.json"
    for part in (folder, folder / "images/train", scenes_file):
        if not part.exists():
            raise WordbrushError(
                f"scenes.clevr_path: {folder} is not a CLEVR v1.0 folder: {part} is missing."
            )
    with advising("Correct it, or fetch CLEVR v1.0 again: wordbrush import."):
        return read_json(scenes_file, ClevrSceneFile)["scenes"]


def paths(folder: Path, count: int) -> list[Path]:
    """The first `count` training pictures.

    Raises WordbrushError where there are fewer, or where one is missing.
    """
    scenes = check(folder)
    if len(scenes) < count:
        raise WordbrushError(
            f"scenes.count is {count}, but {folder} has {len(scenes)} training scenes: lower "
            "scenes.count."
        )
    found = [folder / "images/train" / scene["image_filename"] for scene in scenes[:count]]
    missing = [path for path in found if not path.is_file()]
    if missing:
        raise WordbrushError(
            f"scenes.clevr_path: {missing[0]} is missing, and {len(missing)} of the {count} "
            "pictures in all: unpack CLEVR v1.0 again."
        )
    return found


def pictures(folder: Path, count: int, resolution: int) -> Iterator[np.ndarray]:
    """The first `count` training pictures, cropped to a square and resized: uint8 [H, W, 3]."""
    for path in paths(folder, count):
        try:
            with Image.open(path) as image:
                side = min(image.size)
                left, top = (image.width - side) // 2, (image.height - side) // 2
                square = image.convert("RGB").crop((left, top, left + side, top + side))
                yield np.asarray(square.resize((resolution, resolution), Image.Resampling.BOX))
        except (OSError, UnidentifiedImageError) as error:
            raise WordbrushError(f"{path} is not a readable picture ({error}).") from None
