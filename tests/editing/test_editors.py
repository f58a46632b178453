"""Edits of a batch at its salient cells: what ablations and transplants do to the drawings."""

import numpy as np
import pytest
import torch

from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.mining import random_impostors
from wordbrush.davenet.negatives import Batch
from wordbrush.editing.editors import random_editor
from wordbrush.gan.networks import Generator, GeneratorConfig

COUNT, SIZE, FEATURES = 6, 16, 5


@pytest.fixture
def scene(tiny):
    """An untrained generator, latents, and a batch of pictures.

    The salient cells of the pictures are (0, 0), (0, 1), … of a 4×4 grid.
    """
    torch.manual_seed(3)
    generator = (
        Generator(GeneratorConfig(latent_dim=4, channels={4: 8, 8: 8, 16: 8}, resolution=SIZE))
        .eval()
        .requires_grad_(False)
    )
    latents = np.random.default_rng(1).standard_normal((20, 4), np.float32)
    index = np.array([3, 8, 1, 19, 0, 7])
    seen = torch.zeros(COUNT, FEATURES, 4, 4)
    for row in range(COUNT):
        seen[row, :, row // 4, row % 4] = 1
    pictures = generator.decode(generator.encode(torch.from_numpy(latents[index])))
    heard = Encoded(torch.ones(COUNT, FEATURES, 2), torch.full((COUNT,), 2))
    batch = Batch(index, pictures, Encoded(seen), heard)

    def edit(**changes):
        edits = tiny.edits.model_copy(
            update={"probability": 1.0, "min_change": 0.0, "resolution": 8, **changes}
        )
        return random_editor(generator, latents, edits, 5)(batch)

    return generator, torch.from_numpy(latents[index]), edit


def test_a_transplant_gives_what_the_donor_has_at_its_own_spot(scene):
    generator, z, edit = scene
    edited = edit(operation="transplant", radius=0)
    assert (edited.donors != torch.arange(COUNT)).all() and edited.valid.all()
    h4 = generator.encode(z, 8)
    given = h4.clone()
    for row, donor in enumerate(edited.donors.tolist()):
        # the middle of a cell, on 8×8
        here, there = ((2 * (one // 4) + 1, 2 * (one % 4) + 1) for one in (row, donor))
        given[row, :, here[0], here[1]] = h4[donor, :, there[0], there[1]]
    assert torch.allclose(edited.pictures, generator.decode(given), atol=1e-5)


def test_a_batch_of_one_maps_to_itself():
    """A last batch of one: nothing changes, so no edit is used."""
    assert random_impostors(1, torch.Generator()).tolist() == [0]


def test_pixels_far_from_the_edited_cells_do_not_change(scene):
    generator, z, edit = scene
    ablated, given = edit(operation="ablate", radius=0), edit(operation="transplant", radius=0)
    before = generator.decode(generator.encode(z, 8))
    assert ablated.donors is None
    for edited in (ablated, given):
        changed = (edited.pictures - before).abs().amax(1) > 1e-6
        # picture 0 is edited at its first cell
        assert changed.any((1, 2)).all() and not changed[0, 12:, 12:].any()
    assert not torch.allclose(ablated.pictures, given.pictures)
