"""Similarities against a written-out loop in double precision; padding never counts; the salient place by hand."""

import pytest
import torch

from wordbrush.davenet.encoders import valid_frames
from wordbrush.davenet.matchmap import (
    all_similarities,
    blocks,
    greatest,
    matchmap,
    paired_similarities,
    pool,
    salient,
    similarities,
)


def written_out(images, audio, lengths, kind):
    scores = torch.zeros(len(images), len(audio), dtype=torch.float64)
    for n, image in enumerate(images.double()):
        for m, sound in enumerate(audio.double()):
            values = [
                [float(image[:, y, x] @ sound[:, t]) for t in range(lengths[m])]
                for y in range(image.shape[1])
                for x in range(image.shape[2])
            ]
            table = torch.tensor(values, dtype=torch.float64)
            scores[n, m] = {
                "SISA": table.mean(),
                "MISA": table.amax(0).mean(),
                "SIMA": table.amax(1).mean(),
            }[kind]
    return scores


@pytest.mark.parametrize("kind", ["SISA", "MISA", "SIMA"])
def test_similarities_against_a_written_out_loop(kind, monkeypatch):
    monkeypatch.setattr("wordbrush.davenet.matchmap.PICTURES", 3)  # of four
    monkeypatch.setattr("wordbrush.davenet.matchmap.UTTERANCES", 4)  # of six
    torch.manual_seed(0)
    images, audio, lengths = (
        torch.randn(4, 5, 2, 3),
        torch.randn(6, 5, 7),
        torch.tensor([7, 1, 3, 5, 2, 6]),
    )
    scores = similarities(images, audio, lengths, kind)
    assert torch.allclose(scores.double(), written_out(images, audio, lengths, kind), atol=1e-5)
    assert torch.allclose(all_similarities(images, audio, lengths, kind), scores)
    paired = paired_similarities(images, audio[:4], lengths[:4], kind)
    assert torch.allclose(paired, scores[:, :4].diagonal(), atol=1e-5)


@pytest.mark.parametrize(
    ("frames", "values"), [(1024, 1 << 23), (4, 24)]
)  # one block, and many uneven ones
def test_only_the_winning_places_have_a_gradient(frames, values, monkeypatch):
    """MISA's own backward pass against autograd's, in double precision."""
    monkeypatch.setattr("wordbrush.davenet.matchmap.BLOCK_FRAMES", frames)
    monkeypatch.setattr("wordbrush.davenet.matchmap.BLOCK_VALUES", values)
    torch.manual_seed(0)
    images, audio = (
        torch.randn(3, 5, 2, 3, dtype=torch.float64),
        torch.randn(4, 5, 6, dtype=torch.float64),
    )
    lengths, weights = torch.tensor([6, 1, 3, 5]), torch.randn(3, 4, dtype=torch.float64)
    gradients = []
    for score in (
        similarities,
        lambda *pair: pool(
            torch.einsum("ndhw,mdt->nhwmt", *pair[:2]).flatten(1, 2),
            valid_frames(lengths, 6),
            *pair[2:],
        ),
    ):
        leaves = images.clone().requires_grad_(), audio.clone().requires_grad_()
        (score(*leaves, lengths, "MISA") * weights).sum().backward()
        gradients.append([leaf.grad for leaf in leaves])
    for ours, theirs in zip(*gradients, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("values", [1 << 23, 40])
def test_chosen_pairs_have_the_scores_and_gradients_of_the_whole_matrix(values, monkeypatch):
    monkeypatch.setattr("wordbrush.davenet.matchmap.BLOCK_VALUES", values)
    torch.manual_seed(0)
    images, audio = (
        torch.randn(3, 5, 2, 3, dtype=torch.float64),
        torch.randn(4, 5, 6, dtype=torch.float64),
    )
    lengths, weights = torch.tensor([6, 1, 3, 5]), torch.randn(5, dtype=torch.float64)
    pictures, utterances = torch.tensor([0, 2, 2, 1, 0]), torch.tensor([3, 0, 0, 1, 2])
    for kind in ("SISA", "MISA", "SIMA"):
        gradients = []
        for score in (
            lambda *pair, kind=kind: paired_similarities(
                *pair, lengths, kind, pictures, utterances
            ),
            lambda *pair, kind=kind: similarities(*pair, lengths, kind)[pictures, utterances],
        ):
            leaves = images.clone().requires_grad_(), audio.clone().requires_grad_()
            scores = score(*leaves)
            (scores * weights).sum().backward()
            gradients.append([scores, *(leaf.grad for leaf in leaves)])
        for ours, theirs in zip(*gradients, strict=True):
            assert torch.allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_greatest_place_is_that_of_max(dtype):
    """The first of those that are alike, and a NaN before all."""
    maps = torch.randint(-3, 3, (3, 6, 5), generator=torch.Generator().manual_seed(0)).to(dtype)
    maps[1, 4, 2] = torch.nan
    for ours, theirs in zip(greatest(maps), maps.max(1), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)


def test_blocks_cover_every_picture_and_frame_once(monkeypatch):
    monkeypatch.setattr("wordbrush.davenet.matchmap.BLOCK_FRAMES", 4)
    monkeypatch.setattr("wordbrush.davenet.matchmap.BLOCK_VALUES", 50)
    seen = torch.zeros(7, 11)
    cut = list(blocks(torch.zeros(7, 2, 2, 3), 11))
    for rows, columns in cut:
        seen[rows, columns] += 1
    assert len(cut) > 4 and (seen == 1).all()


def test_salient_ignores_padding():
    images, audio = torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 4)
    images[0, 0] = torch.tensor([[1.0, 2.0], [3.0, 0.0]])
    audio[0, 0] = torch.tensor([1.0, 2.0, 0.5, 9.0])
    place, moment = salient(images, audio, torch.tensor([3]))
    assert place.tolist() == [[1, 0]] and moment.tolist() == [1]
    assert matchmap(images, audio)[0, 1, 0].tolist() == [3.0, 6.0, 1.5, 27.0]
