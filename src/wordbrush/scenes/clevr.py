"""An existing CLEVR v1.0 folder as the GAN's pictures."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from wordbrush.runtime.errors import WordbrushError
from wordbrush.runtime.files import read_json


def check(folder: Path) -> list[dict]:
    """The training scenes of a CLEVR folder.

    Raises WordbrushError that names the first part that is missing.
    """
    scenes_file = folder / "scenes/CLEVR_train_scenes.json"
    for part in (folder, folder / "images/train", scenes_file):
        if not part.exists():
            raise WordbrushError(f"scenes.clevr_path: {folder} is not a CLEVR v1.0 folder: {part} is missing.")
    content = read_json(scenes_file)
    scenes = content.get("scenes") if isinstance(content, dict) else None
    if not scenes or not isinstance(scenes, list):
        raise WordbrushError(f"{scenes_file} lists no scenes.")
    for number, scene in enumerate(scenes):
        name = scene.get("image_filename") if isinstance(scene, dict) else None
        if not isinstance(name, str) or Path(name).name != name:
            raise WordbrushError(f"{scenes_file}: scene {number} names no picture: image_filename is {name!r}.")
    return scenes


def pictures(folder: Path, count: int, resolution: int) -> Iterator[np.ndarray]:
    """The first `count` training pictures, centre-cropped to a square and resized: uint8 [H, W, 3]."""
    scenes = check(folder)
    if len(scenes) < count:
        raise WordbrushError(f"scenes.count is {count}, but {folder} has {len(scenes)} training scenes.")
    for scene in scenes[:count]:
        path = folder / "images/train" / scene["image_filename"]
        try:
            with Image.open(path) as image:
                side = min(image.size)
                left, top = (image.width - side) // 2, (image.height - side) // 2
                square = image.convert("RGB").crop((left, top, left + side, top + side))
                yield np.asarray(square.resize((resolution, resolution), Image.Resampling.BOX))
        except (OSError, UnidentifiedImageError) as error:
            raise WordbrushError(f"{path} is not a readable picture ({error}).") from None
