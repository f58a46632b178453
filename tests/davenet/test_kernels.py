"""Fast scores and their gradients against the paper's formula (`matchmap`), in double precision."""

import pytest
import torch

from wordbrush.davenet import kernels
from wordbrush.davenet.encoded import Encoded
from wordbrush.davenet.kernels import (
    all_similarities,
    best_cell,
    blocks,
    paired_similarities,
    similarities,
)
from wordbrush.davenet.matchmap import similarity

KINDS = ("SISA", "MISA", "SIMA")
LENGTHS = torch.tensor([6, 1, 3, 5])
# A picture and an utterance more than once, in no order, and runs that need no copy.
CHOSEN = torch.tensor([0, 2, 2, 1, 0]), torch.tensor([3, 0, 0, 1, 2])
EVERY = torch.arange(3).repeat_interleave(4), torch.arange(4).repeat(3)


def plain(images: Encoded, speech: Encoded, kind: str, chosen=EVERY):
    """The scores [P] of the chosen pairs by the paper's formula."""
    left, right = chosen
    return similarity(images.features[left], speech.features[right], speech.lengths[right], kind)


def matrix(images: Encoded, speech: Encoded, kind: str):
    return similarities(images, speech, kind).flatten()


def chosen_pairs(images: Encoded, speech: Encoded, kind: str):
    return paired_similarities(images, speech, kind, CHOSEN)


def scores_and_gradients(score, *arguments):
    torch.manual_seed(0)
    images = torch.randn(3, 5, 2, 3, dtype=torch.float64, requires_grad=True)
    audio = torch.randn(4, 5, 6, dtype=torch.float64, requires_grad=True)
    scores = score(Encoded(images), Encoded(audio, LENGTHS), *arguments)
    (scores * torch.randn(len(scores), dtype=torch.float64)).sum().backward()
    return scores, images.grad, audio.grad


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("fast", "chosen"), [(matrix, EVERY), (chosen_pairs, CHOSEN)])
@pytest.mark.parametrize(("frames", "values"), [(1024, 1 << 23), (4, 24)])  # one block, and many
def test_scores_and_gradients_are_those_of_the_paper_s_page(
    kind, fast, chosen, frames, values, monkeypatch
):
    monkeypatch.setattr(kernels, "BLOCK_FRAMES", frames)
    monkeypatch.setattr(kernels, "BLOCK_VALUES", values)
    ours = scores_and_gradients(fast, kind)
    theirs = scores_and_gradients(plain, kind, chosen)
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_a_large_set_is_scored_in_pieces(kind, monkeypatch):
    monkeypatch.setattr(kernels, "PICTURES", 2)  # of three
    monkeypatch.setattr(kernels, "UTTERANCES", 3)  # of four
    torch.manual_seed(0)
    images = Encoded(torch.randn(3, 5, 2, 3))
    speech = Encoded(torch.randn(4, 5, 6), LENGTHS)
    wanted = plain(images, speech, kind).view(3, 4)
    assert torch.allclose(all_similarities(images, speech, kind), wanted, atol=1e-5)
    paired = paired_similarities(images, speech[:3], kind)
    assert torch.allclose(paired, wanted[:, :3].diagonal(), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_best_cell_is_that_of_max(dtype):
    """Of equal scores the first one wins, and a NaN wins over all."""
    maps = torch.randint(-3, 3, (3, 6, 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    maps[1, 4, 2] = torch.nan
    for ours, theirs in zip(best_cell(maps), maps.max(1), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


def test_blocks_cover_every_picture_and_frame_once(monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK_FRAMES", 4)
    monkeypatch.setattr(kernels, "BLOCK_VALUES", 50)
    seen = torch.zeros(7, 11)
    cut = list(blocks(torch.zeros(7, 2, 2, 3), 11))
    for rows, columns in cut:
        seen[rows, columns] += 1
    assert len(cut) > 4 and (seen == 1).all()
