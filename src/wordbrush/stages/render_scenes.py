"""render-scenes: parameters -> data/scenes (pictures, masks, scene JSON) and data/real_pairs (pairs
of pictures for the real-image test, and for composition).

With `scenes.source: clevr` the GAN's pictures (`gan_images.npy`) come from an existing CLEVR v1.0
folder. That has no masks, so what the segmenter and the tests need is rendered all the same.
"""

from functools import partial
from pathlib import Path

import numpy as np

from wordbrush.params import Params
from wordbrush.scenes import clevr
from wordbrush.scenes.facts import EXCHANGES
from wordbrush.scenes.masks import attribute_masks
from wordbrush.scenes.render import render_all, render_exchange, render_one, render_pair
from wordbrush.storage.files import whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import track
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.memory import require_memory

BYTES_A_PIXEL = 3 + 1 + 4  # picture, instance, four attributes
INFO = {"version": "1.0", "split": "train", "license": "CC0", "date": "", "generator": "wordbrush"}


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Render the scenes, then the pairs of the tests."""
    scenes = params.scenes
    require_memory(
        f"{scenes.count} scenes of {scenes.resolution}×{scenes.resolution}",
        2 * scenes.count * scenes.resolution**2 * BYTES_A_PIXEL,
        "lower scenes.count or scenes.resolution",
    )
    with whole_directory(layout.scenes) as folder:
        if scenes.source == "clevr":  # first: rendering takes longer than to find a bad picture
            source = clevr.pictures(Path(scenes.clevr_path or ""), scenes.count, scenes.resolution)
            read = track(source, "reading CLEVR", scenes.count, "picture")
            np.save(folder / "gan_images.npy", np.stack(list(read)))
        rendered = checkpoints.continued(
            "scenes", partial(render_all, render_one, scenes, params.seed, scenes.count)
        )
        records, images, masks = zip(
            *track(rendered, "rendering scenes", scenes.count, "scene"), strict=True
        )
        np.save(folder / "images.npy", np.stack(images))
        np.save(folder / "instances.npy", np.stack(masks))
        planes = [
            attribute_masks(mask, scene["objects"])
            for mask, scene in zip(masks, records, strict=True)
        ]
        np.save(folder / "attributes.npy", np.stack(planes))
        write_json(folder / "scenes.json", {"info": INFO, "scenes": list(records)})
    write_pairs(params, layout, checkpoints)


def write_pairs(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Render the pairs of the real-image test, and of the tests of composition."""
    scenes = params.scenes
    with whole_directory(layout.real_pairs) as folder:
        pairs = checkpoints.continued(
            "pairs", partial(render_all, render_pair, scenes, params.seed, scenes.real_pairs)
        )
        records, images = zip(
            *track(pairs, "rendering pairs", scenes.real_pairs, "pair"), strict=True
        )
        np.save(folder / "images.npy", np.stack(images))
        write_json(folder / "pairs.json", list(records))
        write_exchanges(folder, params, checkpoints)


def write_exchanges(folder: Path, params: Params, checkpoints: Checkpoints) -> None:
    """exchanges.npy [M, 2, H, W, 3] and exchanges.json: pairs of scenes in which two objects have
    exchanged one thing, as many of each kind as params.yaml says; none where objects stand alone.
    """
    scenes = params.scenes
    count = len(EXCHANGES) * params.evaluation.composition_pairs * (scenes.max_objects > 1)
    pairs = checkpoints.continued(
        "exchanges", partial(render_all, render_exchange, scenes, params.seed, count)
    )
    found = [
        (record, pictures)
        for record, pictures in track(pairs, "rendering exchanges", count, "pair")
        if record is not None
    ]
    images = np.empty((len(found), 2, scenes.resolution, scenes.resolution, 3), np.uint8)
    for number, (_, pictures) in enumerate(found):
        images[number] = pictures
    np.save(folder / "exchanges.npy", images)
    write_json(folder / "exchanges.json", [record for record, _ in found])
