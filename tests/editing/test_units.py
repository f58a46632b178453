"""Ablation changes the chosen units at the chosen cells only; edits grow until pictures differ."""

from contextlib import nullcontext

import pytest
import torch

from wordbrush.editing.dissection import agreement, unit_thresholds
from wordbrush.editing.units import (
    Drawings,
    changed,
    doublings,
    least_edit,
    probabilities,
    random_order,
    replace,
    shifted,
    square,
)
from wordbrush.gan.networks import Generator, GeneratorConfig
from wordbrush.training.compute import running_ahead


def small_generator():
    torch.manual_seed(1)
    return Generator(
        GeneratorConfig(latent_dim=6, channels={4: 8, 8: 8, 16: 8}, resolution=16)
    ).requires_grad_(False)


def test_the_chosen_units_change_at_the_chosen_cells_only():
    h4 = torch.rand(2, 3, 4, 4) + 1
    units = torch.tensor([[True, False, True], [False, False, False]])
    where = torch.zeros(2, 4, 4, dtype=torch.bool)
    where[:, 1, 2] = True
    out = replace(h4, units, where, -h4)
    assert out[0, 0, 1, 2] == -h4[0, 0, 1, 2] and out[0, 2, 1, 2] == -h4[0, 2, 1, 2]
    out[0, 0, 1, 2], out[0, 2, 1, 2] = h4[0, 0, 1, 2], h4[0, 2, 1, 2]
    assert torch.equal(out, h4)


def test_shifts_are_by_whole_cells_and_repeats_the_border():
    h4 = torch.arange(2 * 3 * 4 * 4.0).reshape(2, 3, 4, 4)
    out = shifted(h4, torch.tensor([[1, -2], [0, 0]]))
    assert torch.equal(out[1], h4[1])
    assert torch.equal(out[0, :, 1:, :2], h4[0, :, :3, 2:])
    assert torch.equal(out[0, :, 0], out[0, :, 1]) and torch.equal(out[0, :, :, 3], out[0, :, :, 1])


def test_a_square_is_cut_at_the_border():
    mask = square(torch.tensor([[0, 0], [2, 3]]), 1, 5)
    assert mask[0].nonzero().tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert mask[1].sum() == 9 and mask[1, 1:4, 2:5].all()
    assert square(torch.tensor([[4, 1]]), 0, 5)[0].nonzero().tolist() == [[4, 1]]


@pytest.fixture(params=[nullcontext, running_ahead])
def either_way(request):
    """Open edits alone are drawn anew, as on CPUs, and all of them, as on GPUs."""
    with request.param():
        yield


def test_edits_grow_until_the_picture_differs(either_way):
    generator = small_generator()
    h4 = generator.encode(torch.randn(16, 6))
    original = generator.decode(h4)
    drawings = Drawings(original, h4, torch.zeros_like(h4), square(torch.full((16, 2), 4), 1, 8))
    order, shares = (
        random_order(*h4.shape[:2], torch.Generator().manual_seed(0)),
        torch.tensor([0.01, 0.51, 1.0]),
    )
    edited, differs = least_edit(generator, drawings, order, shares, 1e-4)
    assert differs.all() and changed(original, edited, 1e-4).all()
    assert not least_edit(generator, drawings, order, shares, 10.0)[1].any()


def test_an_edit_is_the_smallest_that_is_enough(either_way):
    """Compared with raising the share step by step."""
    generator = small_generator()
    h4 = generator.encode(torch.randn(32, 6))
    original, where, nothing = (
        generator.decode(h4),
        square(torch.full((32, 2), 4), 1, 8),
        torch.zeros_like(h4),
    )
    order, shares = (
        random_order(*h4.shape[:2], torch.Generator().manual_seed(0)),
        torch.tensor([0.1, 0.4, 0.7, 1.0]),
    )
    edited, differs = least_edit(
        generator, Drawings(original, h4, nothing, where), order, shares, 0.02
    )
    tried = [generator.decode(replace(h4, order < share, where, nothing)) for share in shares]
    enough = torch.stack([changed(original, one, 0.02) for one in tried])
    # the difference grows with the share, as it nearly always does
    assert 3 < enough[0].sum() < 29 and (enough[1:] >= enough[:-1]).all()
    first = torch.where(enough.any(0), enough.int().argmax(0), 3)
    assert torch.equal(differs, enough.any(0))
    assert torch.allclose(edited, torch.stack(tried)[first, torch.arange(32)], atol=1e-5)


def test_no_units_no_change(either_way):
    generator = small_generator()
    h4 = generator.encode(torch.randn(3, 6))
    original, where = generator.decode(h4), square(torch.zeros(3, 2).long(), 1, 8)
    drawings = Drawings(original, h4, -h4, where)
    same, differs = least_edit(
        generator, drawings, torch.ones(3, 8), torch.tensor([0.5, 1.0]), 1e-6
    )
    assert torch.equal(same, original) and not differs.any()


def test_shares_end_with_all_units(tiny):
    edits = tiny.edits.model_copy(update={"probability": 0.2, "probability_step": 0.4})
    assert torch.allclose(probabilities(edits), torch.tensor([0.2, 0.6, 1.0]))
    assert (doublings(12, 64) * 64).tolist() == [12, 24, 48, 64]
    assert doublings(8, 8).tolist() == [1.0]


def test_so_many_units_are_replaced_as_the_share_says():
    """The order of a concept holds ranks as shares: 0/8, 1/8, …; the best unit comes first."""
    generator = small_generator()
    h4 = generator.encode(torch.randn(1, 6))
    ranks = torch.tensor([[3, 0, 7, 1, 2, 4, 5, 6]])
    original, where, nothing = (
        generator.decode(h4),
        torch.ones(1, 8, 8, dtype=torch.bool),
        torch.zeros_like(h4),
    )
    edited, _ = least_edit(
        generator, Drawings(original, h4, nothing, where), ranks / 8, doublings(1, 8)[:2], 10.0
    )
    assert torch.equal(edited, generator.decode(replace(h4, ranks < 2, where, nothing)))


def test_changed_looks_at_the_most_changed_cell():
    before = torch.zeros(2, 3, 16, 16)
    after = before.clone()
    after[1, :, 4:6, 6:8] = 0.5  # one cell of the 8×8 grid, by 0.25 of 1
    assert changed(before, after, 0.2).tolist() == [False, True]
    assert changed(before, after, 0.3).tolist() == [False, False]


def test_thresholds_are_exact_and_agreement_is_the_iou():
    activations = torch.arange(100.0).reshape(1, 1, 10, 10)
    assert unit_thresholds(activations, 0.05).tolist() == [95.0]
    units = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 0]], dtype=torch.bool)
    concepts = torch.tensor([[1, 0, 1, 0]], dtype=torch.bool)
    assert torch.allclose(agreement(units, concepts), torch.tensor([[1 / 3, 0.0]]))
