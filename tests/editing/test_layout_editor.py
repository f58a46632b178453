"""Edits of the layout of real drawings, read by the segmenter before and after."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from wordbrush import params as parameters
from wordbrush.data.images import to_uint8
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.negatives import Batch
from wordbrush.editing.editors import random_editor
from wordbrush.editing.layout_editor import pointed_at
from wordbrush.evaluation.edit_success import layout_changes
from wordbrush.gan.sampling import load_generator
from wordbrush.scenes.world import ATTRIBUTES
from wordbrush.segmenter.network import load_segmenter
from wordbrush.segmenter.parsing import parse

MODEL = Path(__file__).resolve().parents[2] / "models/small"
COUNT, EXCHANGE = 160, {"operation": "exchange", "resolution": 32, "radius": 1}


@pytest.fixture(scope="module")
def drawn():
    """The generator, latents, and a batch of its drawings; captions do not matter to them."""
    generator = load_generator(MODEL / "generator", torch.device("cpu"))
    latents = np.random.default_rng(1).standard_normal((COUNT, generator.latent_dim), np.float32)
    with torch.no_grad():
        pictures = generator(torch.from_numpy(latents))
    nothing = Encoded(torch.zeros(COUNT, 1, 1, 1)), Encoded(torch.zeros(COUNT, 1, 1))
    return generator, latents, Batch(np.arange(COUNT), pictures, *nothing)


@pytest.fixture(scope="module")
def editor(drawn):
    generator, latents, _ = drawn
    edits = parameters.load(MODEL / "params.yaml").edits.model_copy(update=EXCHANGE)
    return random_editor(generator, latents, edits, 3)


def test_objects_stay_and_stand_elsewhere(drawn, editor):
    batch = drawn[2]
    edited = editor(batch)
    assert 4 <= edited.valid.sum() < COUNT / 4  # the others show one object, or some that touch
    segmenter = load_segmenter(MODEL / "segmenter", torch.device("cpu"))
    before, after = (
        parse(segmenter, to_uint8(one[edited.valid])) for one in (batch.images, edited.pictures)
    )
    assert np.mean(layout_changes(before, after, 0.5, list(ATTRIBUTES))) >= 0.6


def test_a_seed_gives_the_same_edits(drawn, editor):
    whole, edits = drawn[2], editor.edits.model_copy(update={"operation": "move"})
    editor = replace(editor, edits=edits)  # two objects exchange their places in one way alone
    few = Batch(whole.index[:24], whole.images[:24], whole.seen, whole.heard)
    start = editor.rng.get_state()
    first, following = editor(few), editor(few)
    editor.rng.set_state(start)
    again = editor(few)
    assert torch.equal(first.pictures, again.pictures) and torch.equal(first.valid, again.valid)
    assert not torch.equal(first.pictures, following.pictures)


def test_words_point_at_the_cells_that_any_frame_fits():
    seen = torch.zeros(1, 2, 2, 2)
    seen[0, 0, 0, 1] = seen[0, 1, 1, 0] = 1  # a cell for each of two words
    heard = torch.tensor([[[2.0, 0.0, 9.0], [0.0, 3.0, 9.0]]])  # the last frame is padding
    batch = Batch(np.zeros(1), torch.zeros(1), Encoded(seen), Encoded(heard, torch.tensor([2])))
    found = pointed_at(batch, torch.zeros(1, 4, 4))
    assert found[0, ::2, ::2].tolist() == [[0, 2], [3, 0]]
    assert torch.equal(found[:, 1::2, 1::2], found[:, ::2, ::2])
