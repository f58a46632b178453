"""sample-images: data/generator -> data/samples, latents and the pictures that they draw.

With `samples.min_certainty` only drawings that the segmenter can read are kept. With
`samples.source: renderer` the pictures are rendered scenes, each with a counterfactual that differs
in one attribute (P §6.5).
"""

from collections.abc import Iterator

import numpy as np

from wordbrush.data.splits import split_ranges
from wordbrush.gan.drawings import describable_drawings
from wordbrush.params import Params
from wordbrush.storage.files import whole_directory, write_json
from wordbrush.storage.layout import Layout
from wordbrush.telemetry.progress import track
from wordbrush.training.checkpoints import NO_CHECKPOINTS, Checkpoints
from wordbrush.training.conditions import recorded
from wordbrush.training.memory import require_memory


def run(params: Params, layout: Layout, checkpoints: Checkpoints = NO_CHECKPOINTS) -> None:
    """Draw or render the pictures of all splits."""
    count = split_ranges(params.samples)["semantic"].stop
    require_memory(
        f"{count} pictures",
        2 * count * (params.scenes.resolution**2 * 3 + params.gan.latent_dim * 4),
        "lower the numbers of samples",
    )
    share = 1.0
    if params.samples.source == "renderer":
        images, counterfactuals = rendered(params, count, checkpoints)
        arrays = {"images": images, "counterfactuals": counterfactuals}
    else:
        with recorded(params):
            latents, images, share = describable_drawings(params, layout, count, params.seed)
        arrays = {"latents": latents, "images": images}
    with whole_directory(layout.samples) as folder:
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
    write_json(layout.metrics("samples"), {"describable": round(100 * share, 2)})


def rendered(params: Params, count: int, checkpoints: Checkpoints) -> tuple[np.ndarray, np.ndarray]:
    """Scenes and their counterfactuals, uint8 [N, H, W, 3]; none is of the real-image test."""
    from wordbrush.scenes.render import render_all, render_pair

    tested = params.scenes.real_pairs  # whose numbers come first

    def pairs(first: int) -> Iterator[tuple[dict, np.ndarray]]:
        return render_all(render_pair, params.scenes, params.seed, tested + count, tested + first)

    pictures = checkpoints.continued("pictures", pairs)
    both = np.stack([pair for _, pair in track(pictures, "rendering samples", count, "pair")])
    return both[:, 0], both[:, 1]
