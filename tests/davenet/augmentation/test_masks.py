"""Masks hide what they name and nothing else."""

import torch

from wordbrush.davenet.augmentation.draws import Draws
from wordbrush.davenet.augmentation.masks import cover, hidden


def test_a_mask_says_what_the_rest_says():
    torch.manual_seed(0)
    frames, lengths = torch.rand(1, 10, 4), torch.tensor([8])
    frames[:, 8:] = 0
    time = hidden(torch.tensor([[2.0, 5.0]]), torch.tensor([[2.0, 0.0]]), 10)
    assert time.tolist() == [[0, 0, 1, 1, 0, 0, 0, 0, 0, 0]]
    covered = cover(frames, lengths, time[..., None])
    assert torch.allclose(covered[:, 2:4], frames[:, :8].mean(1, keepdim=True))
    assert torch.equal(covered[:, 4:], frames[:, 4:]) and torch.equal(covered[:, :2], frames[:, :2])
    band = hidden(torch.tensor([[3.0]]), torch.tensor([[1.0]]), 4)
    covered = cover(frames, lengths, band[:, None])
    assert torch.allclose(covered[..., 3], frames[:, :8, 3].mean())
    assert torch.equal(covered[..., :3], frames[..., :3])


def test_stretches_lie_within_lengths_and_reach_the_longest():
    draws = Draws(torch.Generator().manual_seed(0), 2, 1.0)
    lengths, longest = torch.tensor([30, 4]), torch.tensor([5, 2])
    starts, widths = draws.stretches(2000, longest, lengths)
    assert (starts >= 0).all() and (starts + widths <= lengths[:, None]).all()
    assert widths.min(1).values.tolist() == [0, 0] and widths.max(1).values.tolist() == [5, 2]
    assert (starts == starts.floor()).all() and (widths == widths.floor()).all()
