"""Which drawings become samples: all, or those that can be described without guessing."""

import numpy as np
import pytest

from wordbrush.errors import WordbrushError
from wordbrush.gan.drawings import describable_drawings
from wordbrush.gan.sampling import LATENTS
from wordbrush.params import Params
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import describable, parse
from wordbrush.training.compute import device


def asking(params: Params, min_certainty: float) -> Params:
    return params.model_copy(
        update={"samples": params.samples.model_copy(update={"min_certainty": min_certainty})}
    )


def test_only_describable_drawings_are_kept_in_their_order(finished, tiny):
    latents, images, share = describable_drawings(tiny, finished.layout, 4 * LATENTS, 7)
    assert share == 1 and len(images) == len(latents) == 4 * LATENTS
    parsed = parse(load_segmenter(finished.layout.segmenter, device()), images)
    least = float(np.median([min(thing["certainty"] for thing in objects) for objects in parsed]))
    wanted = [
        number
        for number, objects in enumerate(parsed)
        if describable(objects, tiny.segmenter.min_confidence, least)
    ]
    assert 0 < len(wanted) < len(parsed)
    kept_latents, kept, share = describable_drawings(
        asking(tiny, least), finished.layout, len(wanted), 7
    )
    assert np.array_equal(kept, images[wanted]) and np.array_equal(kept_latents, latents[wanted])
    assert share == pytest.approx(
        len(wanted) / len(parsed), rel=0.4
    )  # the last batch is drawn whole


def test_a_generator_that_draws_nothing_describable_is_no_endless_loop(finished, tiny):
    with pytest.raises(
        WordbrushError, match=r"of \d+ drawings only 0 are describable.*samples\.min_certainty"
    ):
        describable_drawings(asking(tiny, 1.0), finished.layout, 4, 7)


def test_what_can_be_described():
    sure, doubtful = {"confidence": 0.9, "certainty": 0.9}, {"confidence": 0.9, "certainty": 0.4}
    assert describable([sure, sure], 0.5, 0.5) and describable([doubtful], 0.5, 0.0)
    assert (
        not describable([], 0.5, 0.0)
        and not describable([sure, doubtful], 0.5, 0.5)
        and not describable([sure], 0.95, 0.5)
    )
